/**
 * `ipcsup services`: who serves what.
 */
import type { ProcessState, Status } from '../../supervisor/controls.js'
import { type Cell, escapeControls, formatTable, type Paint } from './text.js'

export interface ListedService {
  readonly name: string
  readonly guarantee: string
  /** Of all instances so far, also of those that have ended. */
  readonly calls: number
  readonly outstanding: number
  /** Of the meeting socket. */
  readonly path: string | null
  readonly instances: readonly ListedInstance[]
}

export interface ListedInstance {
  /** Empty: a program outside, or the one that embeds ipcsup. */
  readonly process: string
  /** null: it does not serve. */
  readonly generation: number | null
  readonly pid: number | null
  /** Of the process; null: it is none of the config. */
  readonly state: ProcessState | null
  /** It has registered, and is called. */
  readonly serving: boolean
  /** Empty of one that does not serve. `arity` is null where it does not tell. */
  readonly methods: readonly { readonly name: string; readonly arity: number | null }[]
  /** null: it does not tell. */
  readonly calls: number | null
  readonly outstanding: number | null
}

/** Every process that may serve, in the order of the config, and then everybody else who does. */
export function listServices({ processes, links }: Status): readonly ListedService[] {
  return links.flatMap(({ name, path = null, service }) => {
    if (service === undefined) return []
    const { guarantee, calls, outstanding, servers, instances } = service
    const others = instances.map(({ process }) => process).filter(process => !servers.includes(process))
    const listed = [...servers, ...others].map((process): ListedInstance => {
      const { state = null, pid = null } = processes.find(row => row.name === process) ?? {}
      const serving = instances.find(instance => instance.process === process)
      if (serving === undefined) return { process, pid, state, ...silent }
      const methods = Object.entries(serving.methods).map(([method, arity]) => ({ name: method, arity }))
      return { ...serving, state, serving: true, methods }
    })
    return { name, guarantee, calls, outstanding, path, instances: listed }
  })
}

const silent = { generation: null, serving: false, methods: [], calls: null, outstanding: null } as const

const head = ['service', 'guarantee', 'process', 'state', 'pid', 'outstanding', 'functions']

export function formatServices(services: readonly ListedService[], paint: Paint): string {
  const rows = services.flatMap(({ name, guarantee, instances }) => {
    const cells = instances.length > 0 ? instances.map(makeCells) : [[{ text: '-' }]]
    return cells.map((row): readonly Cell[] => [{ text: name, style: 'cyan' }, { text: guarantee }, ...row])
  })
  return formatTable(head, rows, paint)
}

function makeCells({ process, pid, state, serving, outstanding, methods }: ListedInstance): Cell[] {
  return [
    { text: process === '' ? '(outside)' : process },
    serving ? { text: 'serving', style: 'green' } : { text: state ?? '', style: 'dim' },
    { text: pid === null ? '' : String(pid), align: 'right' },
    { text: outstanding === null ? '' : String(outstanding), align: 'right' },
    { text: escapeControls(methods.map(describeMethod).join(', ')) },
  ]
}

/** `add(2)`: it takes two arguments. */
function describeMethod({ name, arity }: ListedInstance['methods'][number]): string {
  return arity === null ? name : `${name}(${arity})`
}
