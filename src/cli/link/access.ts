/**
 * A link as `ipcsup link` reaches it: by the end that this process inherited, or by one that the supervisor gives.
 */
import { closeSync } from 'node:fs'
import { IpcsupError } from '../../errors.js'
import { readHandoff, type ToldEnd } from '../../ipc/handoff.js'
import type { ChildEnd, Form, Hint, Kind, OpenEnd, Side } from '../../ipc/kind.js'
import { kinds } from '../../ipc/kinds/index.js'
import type { LinkOptions } from '../../ipc/options.js'
import { duplicateDescriptor, isNonBlocking, makeBlocking } from '../../platform/index.js'
import type { DescribedLink, GivenEnd } from '../../supervisor/outside-ends.js'
import { locateRun } from '../locate.js'
import { type Call, readValue, wrongUsage } from '../verb.js'

export interface LinkAccess {
  readonly name: string
  readonly kind: string
  readonly form: Form
  readonly sides: Readonly<Record<string, Side>>
  readonly options: LinkOptions
  readonly hint: Hint
  /** The side that this process was given; null: it is a stranger to the link, and may ask for any. */
  readonly own: string | null
  /** An end as it was handed over; its descriptor is for the caller to close. */
  take(side: string): Promise<ChildEnd>
  /** What the kind makes of an end in a Node program; `close` it before the end. */
  open(side: string): Promise<{ readonly end: OpenEnd; close(): void }>
}

/**
 * @throws IPCSUP_ERR_NO_SUPERVISOR, IPCSUP_ERR_SEVERAL_SUPERVISORS outside of a supervised process, IPCSUP_ERR_UNKNOWN_LINK
 */
export async function findLinkAccess(call: Call, name: string): Promise<LinkAccess> {
  const told = isOutsideWished(call) ? undefined : readOwnEnds(call)[name]
  const isHere = told !== undefined && (told.fd === null || isInherited(told.fd))
  return isHere ? makeInside(name, told) : findOutside(call, name)
}

/** Ends of this process by link; empty outside of a supervised one. */
export function readOwnEnds(call: Call): Readonly<Record<string, ToldEnd>> {
  try {
    return readHandoff(process.env)
  } catch {
    throw wrongUsage(call, 'The variable IPCSUP_LINKS is not as ipcsup wrote it.')
  }
}

/** A supervisor that is named is meant, whatever this process has itself. */
function isOutsideWished(call: Call): boolean {
  return readValue(call, 'config') !== undefined || readValue(call, 'pid') !== undefined
}

function makeInside(name: string, { kind, side, fd, options, is: _is, ...hint }: ToldEnd): LinkAccess {
  const found = findKind(kind)
  const take = async (): Promise<ChildEnd> => ({ descriptor: fd ?? -1, side, hint })
  return {
    name,
    kind,
    form: found.form(options),
    sides: found.sides(options),
    options,
    hint,
    own: side,
    take,
    open: async () => openEnd(found, await take(), options, fd === null ? () => {} : keepBlocking(fd)),
  }
}

/** What a supervisor may take between the start of its first process and the moment when it can be asked. */
const startMs = 30_000

async function findOutside(call: Call, name: string): Promise<LinkAccess> {
  const { run, where, isOwn } = locateRun(call)
  const { connectEnds } = await import('../../control/fds-client.js')
  const client = connectEnds(run.directory, where, isOwn ? startMs : 0)
  const { kind, sides, options, hint }: DescribedLink = await client.describe(name)
  const found = findKind(kind)
  const take = async (side: string): Promise<ChildEnd> => {
    const given: GivenEnd = await client.take(name, side)
    return { link: name, descriptor: given.descriptor ?? -1, side, hint: given.hint }
  }
  return {
    name,
    kind,
    form: found.form(options),
    sides,
    options,
    hint,
    own: null,
    take,
    open: async side => openEnd(found, await take(side), options, () => {}),
  }
}

async function openEnd(kind: Kind, child: ChildEnd, options: LinkOptions, beforeClose: () => void) {
  const end = await kind.open(child, options)
  return {
    end,
    close: () => {
      beforeClose()
      if ('destroy' in end) end.destroy()
      else end.close()
    },
  }
}

/**
 * Node makes what it opens non-blocking: for the shell and its other programs too, where they share the description.
 *
 * @returns what makes it as it was
 */
function keepBlocking(descriptor: number): () => void {
  if (isNonBlocking(descriptor)) return () => {}
  // The end may close the descriptor and go on with one of its own.
  const kept = duplicateDescriptor(descriptor)
  return () => {
    makeBlocking(kept)
    closeSync(kept)
  }
}

/**
 * Whether a descriptor of the handoff came to us: a program in between (Python's subprocess, say) may have closed it, and
 * then Node has that number for something of its own. The launcher has looked before Node was there.
 */
export function isInherited(descriptor: number): boolean {
  const open = process.env['IPCSUP_OPEN_FDS']
  return open === undefined || open.split(' ').includes(String(descriptor))
}

function findKind(name: string): Kind {
  const kind = (kinds as Readonly<Record<string, Kind>>)[name]
  if (kind !== undefined) return kind
  throw new IpcsupError('IPCSUP_ERR_UNSUPPORTED', {
    what: `A link of kind ${name}`,
    system: 'this version of ipcsup',
    advice: 'Use the ipcsup that started the supervisor.',
  })
}
