/** `ipcsup call service.function`: one call of a function, and what it answers. */
import { IpcsupError } from '../../errors.js'
import { openCallingEnd } from '../../ipc/service/end.js'
import type { Directory } from '../../ipc/service/wire.js'
import { suggest } from '../../nearest.js'
import { findLinkAccess } from '../link/access.js'
import { escapeControls } from '../show/text.js'
import { type Call, type Outcome, wrongUsage } from '../verb.js'
import { readArgument, showValue } from './values.js'

export interface FunctionCall {
  readonly service: string
  readonly method: string
  /** Of the command line. */
  readonly words: readonly string[]
  readonly timeoutMs: number | undefined
}

/** Then who waits is told why. */
const patienceMs = 1_000

/** @returns 1 when the function itself failed */
export async function callFunction(call: Call, { service, method, words, timeoutMs }: FunctionCall): Promise<Outcome> {
  if (method === '') throw wrongUsage(call, `Say which function of "${service}", such as ${service}.add.`)
  const { form, kind, hint } = await findLinkAccess(call, service)
  if (form !== 'calls') throw wrongUsage(call, `Link "${service}" is a ${kind} and has no functions to call.`)
  const end = openCallingEnd(hint.path!, service)
  const notice = setTimeout(() => {
    const tell = (): void => call.err.write(`ipcsup: nobody serves "${service}" now; waiting until somebody does\n`)
    // What is wrong with asking is told by the call itself.
    end.find().then(
      ({ instances }) => instances.length === 0 && tell(),
      () => {},
    )
  }, patienceMs)
  try {
    refuseUnknown(await end.find(), method)
    const value = await end.call(method, words.map(readArgument), { timeout: timeoutMs })
    clearTimeout(notice)
    await print(call, value)
    return 0
  } catch (error) {
    if (error instanceof IpcsupError || !(error instanceof Error)) throw error
    const { name, message, code } = error as Error & { readonly code?: unknown }
    const shown = `${name}${code === undefined ? '' : ` (${code})`}: ${message}`
    call.err.write(`ipcsup: ${service}.${method} failed: ${escapeControls(shown)}\n`)
    return 1
  } finally {
    clearTimeout(notice)
    end.close()
  }
}

/** A program of another language may not answer to what it does not know. Who does not serve yet may have it. */
function refuseUnknown({ service, instances }: Directory, method: string): void {
  const known = [...new Set(instances.flatMap(({ methods }) => methods))]
  if (instances.length === 0 || known.includes(method)) return
  const detail = { service, method, nearest: suggest(method, known), known: known.join(', ') || 'none' }
  throw new IpcsupError('IPCSUP_ERR_NO_SUCH_METHOD', detail)
}

/** One value, or a line for each item of a stream as it comes. */
async function print({ out }: Call, value: unknown): Promise<void> {
  if (!isIterable(value)) return out.write(showValue(value))
  for await (const item of value) {
    const text = showValue(item)
    out.write(text.length === 0 ? '\n' : text)
    // `head` has what it wants, and the server need not go on.
    if (out.isLost === true) return
  }
}

function isIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}
