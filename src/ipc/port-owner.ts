/** Who has a port, for the error of somebody else who wants it (proc_net(5)). */
import { encodeHost } from '../platform/index.js'
import { findHolder, readCommand, readOrEmpty } from './socket-holder.js'

/** The state of a TCP socket that listens. */
const LISTEN = '0A'

interface Row {
  /** 16 bytes in hex; of IPv4 with `::ffff:` in front. */
  readonly host: string
  readonly port: number
  readonly state: string
  readonly user: number
  readonly inode: string
}

/**
 * Goes on from "port 80 is taken": ` by process 17 (nginx: master process)`. Empty when nobody is seen there any more.
 *
 * @param host - what the port is wanted at
 */
export function describePortOwner(protocol: 'tcp' | 'udp', host: string, port: number): string {
  const wanted = asVersion6(encodeHost(host))
  const row = [protocol, `${protocol}6`]
    .flatMap(readTable)
    .find(found => found.port === port && isTaken(protocol, found) && isInTheWay(found.host, wanted))
  if (!row) return ''
  const pid = findHolder(row.inode)
  if (pid === null) return ` by a process of the user with the number ${row.user}, which this user cannot see`
  return ` by process ${pid} (${readCommand(pid)})`
}

function isTaken(protocol: 'tcp' | 'udp', { state }: Row): boolean {
  return protocol === 'udp' || state === LISTEN
}

function isInTheWay(there: string, wanted: string): boolean {
  return there === wanted || [there, wanted].some(host => /^0{20}(0000|ffff)0{8}$/.test(host))
}

function readTable(name: string): Row[] {
  const lines = readOrEmpty(`/proc/net/${name}`).trim().split('\n').slice(1)
  return lines.map(line => {
    const fields = line.trim().split(/\s+/)
    const [host, port] = fields[1]!.split(':') as [string, string]
    return {
      host: asVersion6(readWords(host)),
      port: Number.parseInt(port, 16),
      state: fields[3]!,
      user: Number(fields[7]),
      inode: fields[9]!,
    }
  })
}

/** Addresses stand there as words in the order of this machine, which is little-endian wherever koffi runs on Linux. */
function readWords(hex: string): Buffer {
  return Buffer.from(hex, 'hex').swap32()
}

function asVersion6(bytes: Buffer): string {
  return bytes.length === 16 ? bytes.toString('hex') : `${'0'.repeat(20)}ffff${bytes.toString('hex')}`
}
