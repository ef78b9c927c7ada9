/** The links that this host made, by name and generation. */
import type { Plan } from '../../config/plan.js'
import { IpcsupError } from '../../errors.js'
import type { Kind, LinkFacts, LinkObject, Where } from '../../ipc/kind.js'
import { kinds } from '../../ipc/kinds/index.js'
import { system } from '../../platform/index.js'
import type { Run } from '../run/run.js'
import type { Generation } from './host.js'
import { createPipeMemory } from './pipe-memory.js'

/** One making of a link. */
export interface HeldLink {
  readonly generation: Generation
  readonly object: LinkObject
  /** Variables of a program that has it as that descriptor. */
  readonly variables: (descriptor: number) => Readonly<Record<string, string>>
  /** What the first release of each side said. */
  readonly released: Map<string, number | null>
  /** Sides whose end goes out no more, while who has it is still running. */
  readonly sealed: Set<string>
  /** Live instances, by the side that they were given. */
  readonly takers: Map<string, number>
  /** Which incarnation of each process was the last to be given an end. */
  readonly incarnations: Map<string, Generation>
}

export interface Links {
  /** Makes the link, or finds it if this generation was made already. Throws IpcsupError. */
  open(name: string, generation: Generation): LinkFacts
  /** @returns bytes that nobody will read any more; null: unknown */
  release(name: string, generation: Generation, side: string, reason: 'over' | 'sealed'): number | null
  /** The use of a process is over, unless a later incarnation of it was started. */
  leave(name: string, generation: Generation, side: string, process: string, incarnation: Generation): void
  /** @returns bytes that were left in it; null: unknown */
  destroy(name: string, generation: Generation): number | null
  /** The making that is there now. Throws when there is none. */
  get(name: string): HeldLink
  find(name: string): HeldLink | undefined
  inspect(): Record<string, LinkFacts>
  /** Brings to the disk what belongs there; null: nothing does. Rejects with the error of the system. */
  flush(name: string): Promise<void> | null
  destroyAll(): void
}

export interface AroundLinks {
  /** Told when somebody has written to the calling side of a route. */
  readonly onCall: (link: string, generation: Generation) => void
  readonly findOwner: Where['findOwner']
}

export function createLinks(plan: Plan, run: Run, { onCall, findOwner }: AroundLinks): Links {
  const held = new Map<string, HeldLink>()
  const destroyed = new Map<string, { readonly generation: Generation; readonly unreadBytes: number | null }>()
  const memory = createPipeMemory()

  const find = (name: string, generation: Generation): HeldLink | undefined => {
    const link = held.get(name)
    return link?.generation === generation ? link : undefined
  }

  const make = (name: string, generation: Generation): HeldLink => {
    const { kind, options, route, uses } = plan.links[name]!
    let usesPipeMemory = false
    const found = findKind(kind, name)
    const object = found.create(options, {
      link: name,
      uses,
      uniqueName: `ipcsup.${plan.name}.${run.id}.${name}`,
      runDirectory: run.directory,
      mayUsePipeMemory: bytes => {
        usesPipeMemory = true
        return memory.mayUse(bytes)
      },
      record: made => run.ledger.recordObject(name, made),
      wasOurs: made => run.ledger.wasOurs(made),
      findOwner,
    })
    if (route) object.onCall?.(route.from, () => onCall(name, generation))
    if (usesPipeMemory) memory.count(name, object.facts().capacityBytes ?? 0)
    const variables = (descriptor: number) => found.variables?.(descriptor, options) ?? {}
    return {
      generation,
      object,
      variables,
      released: new Map(),
      sealed: new Set(),
      takers: new Map(),
      incarnations: new Map(),
    }
  }

  const namePids = (facts: LinkFacts): LinkFacts => {
    const owned = [...(facts.holders ?? []), ...(facts.lastUsers ?? [])].flatMap(pid => {
      const owner = pid === null ? null : findOwner(pid)
      return owner === null ? [] : [[pid, owner.process] as const]
    })
    return owned.length === 0 ? facts : { ...facts, holderNames: Object.fromEntries(owned) }
  }

  const drop = (name: string): number | null => {
    const link = held.get(name)
    if (!link) return null
    const { queuedBytes } = link.object.facts()
    link.object.destroy()
    held.delete(name)
    memory.forget(name)
    destroyed.set(name, { generation: link.generation, unreadBytes: queuedBytes })
    return queuedBytes
  }

  return {
    open: (name, generation) => {
      const link = find(name, generation) ?? make(name, generation)
      held.set(name, link)
      return link.object.facts()
    },
    release: (name, generation, side, reason) => {
      const link = find(name, generation)
      if (!link) return null
      if (link.released.has(side)) return link.released.get(side)!
      const unread = link.object.release(side, reason)
      link.released.set(side, unread)
      if (reason === 'sealed') endWhenUnused(link, side)
      return unread
    },
    leave: (name, generation, side, process, incarnation) => {
      const link = find(name, generation)
      if (link && (link.incarnations.get(process) ?? 0) <= incarnation) link.object.leave?.(side, process)
    },
    destroy: (name, generation) => {
      if (find(name, generation)) return drop(name)
      const last = destroyed.get(name)
      return last?.generation === generation ? last.unreadBytes : null
    },
    get: name => {
      const link = held.get(name)
      if (link) return link
      throw new IpcsupError('IPCSUP_ERR_SYSTEM', {
        what: `Using link "${name}", which is not open,`,
        call: 'open',
        errno: 'EBADF',
      })
    },
    find: name => held.get(name),
    inspect: () => Object.fromEntries([...held].map(([name, { object }]) => [name, namePids(object.facts())])),
    flush: name => held.get(name)?.object.flush?.() ?? null,
    destroyAll: () => {
      for (const name of [...held.keys()]) drop(name)
    },
  }
}

/** An instance has an end of a link now. */
export function addTaker(link: HeldLink, side: string, process: string, incarnation: Generation): void {
  link.incarnations.set(process, incarnation)
  link.takers.set(side, (link.takers.get(side) ?? 0) + 1)
}

/** An instance that had an end of a link is gone. */
export function removeTaker(link: HeldLink, side: string): void {
  link.takers.set(side, link.takers.get(side)! - 1)
  if (link.sealed.has(side)) endWhenUnused(link, side)
}

/**
 * A sealed side is over once the instances that have its end are gone. The kernel says so to the peer for everything
 * but datagrams; for them the object still can.
 */
function endWhenUnused(link: HeldLink, side: string): void {
  link.sealed.add(side)
  if ((link.takers.get(side) ?? 0) === 0) link.object.release(side, 'over')
}

function findKind(name: string, link: string): Kind {
  const kind: Kind = (kinds as Readonly<Record<string, Kind>>)[name]!
  if (kind.systems.includes(system)) return kind
  throw new IpcsupError('IPCSUP_ERR_UNSUPPORTED', {
    what: `Link "${link}" of kind ${name}`,
    system,
    advice: `That kind exists on ${kind.systems.join(', ')}; \`ipcsup advise\` helps to choose another.`,
  })
}
