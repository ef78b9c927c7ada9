/** Messages as a shell has them: lines, or as `--null` and `--raw` say. */
import { readWholeInput, splitInput } from '../input.js'
import type { Output } from '../output.js'
import { type Call, wrongUsage } from '../verb.js'

/** What is printed after each message. Throws IPCSUP_ERR_USAGE. */
export function readSeparator(call: Call): string {
  const { null: isNull, raw } = call.options
  if (isNull === true && raw === true) throw wrongUsage(call, 'Only one of --null and --raw can be meant.')
  return raw === true ? '' : isNull === true ? '\0' : '\n'
}

/** stdin as messages, each as soon as it is there. Throws IPCSUP_ERR_USAGE. */
export function readMessages(call: Call): AsyncIterable<Buffer> | Iterable<Promise<Buffer>> {
  const separator = readSeparator(call)
  return separator === '' ? [readWholeInput()] : splitInput(separator.charCodeAt(0))
}

export function print(out: Output, message: Uint8Array, after: string): void {
  out.write(Buffer.concat([message, Buffer.from(after)]))
}
