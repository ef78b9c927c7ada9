/** What the kernel tells of unix sockets that are not ours: sock_diag(7). */
import { closeSync } from 'node:fs'
import { IpcsupError } from '../../errors.js'
import { check, declare } from './native.js'

// linux/netlink.h, linux/sock_diag.h, linux/unix_diag.h
const AF_UNIX = 1
const AF_NETLINK = 16
const SOCK_RAW = 3
const SOCK_CLOEXEC = 0o2000000
const NETLINK_SOCK_DIAG = 4
const SOCK_DIAG_BY_FAMILY = 20
const NLM_F_REQUEST = 1
const NLM_F_DUMP = 0x300
const UDIAG_SHOW_VFS = 2
const UDIAG_SHOW_RQLEN = 16
const UNIX_DIAG_VFS = 1
const UNIX_DIAG_RQLEN = 4
const noCookie = 0xffffffff
const headerBytes = 16
// struct unix_diag_msg: family, type, state, pad, inode (4), cookie (8)
const messageBytes = 16

const socket = declare<(family: number, type: number, protocol: number) => number>(
  'int socket(int family, int type, int protocol)',
)
const send = declare<(descriptor: number, bytes: Uint8Array, length: number, flags: number) => number>(
  'long send(int fd, void *bytes, size_t length, int flags)',
)
const recv = declare<(descriptor: number, bytes: Uint8Array, length: number, flags: number) => number>(
  'long recv(int fd, void *bytes, size_t length, int flags)',
)

/**
 * Connections of a listening unix socket that wait to be accepted.
 *
 * @param inode - of the socket itself, as `fstat` of its descriptor says
 * @returns null: the kernel does not tell (its module unix_diag is missing), or cannot be asked now: no descriptor is left
 */
export function countWaitingUnix(inode: number): number | null {
  const rows = askIfPossible({ inode, show: UDIAG_SHOW_RQLEN, flags: NLM_F_REQUEST })
  return rows?.[0]?.attributes.get(UNIX_DIAG_RQLEN)?.readUInt32LE(0) ?? null
}

/**
 * Inodes of the sockets (of this network namespace) that are bound to a file, by whatever path.
 *
 * @returns null: the kernel does not tell
 */
export function findSocketsBoundTo(file: { readonly dev: number; readonly ino: number }): readonly number[] | null {
  const rows = ask({ inode: 0, show: UDIAG_SHOW_VFS, flags: NLM_F_REQUEST | NLM_F_DUMP })
  if (rows === null) return null
  return rows.filter(({ attributes }) => isFile(attributes.get(UNIX_DIAG_VFS), file)).map(({ inode }) => inode)
}

interface Row {
  readonly inode: number
  readonly attributes: ReadonlyMap<number, Buffer>
}

/** struct unix_diag_vfs has 32 bits of each number, the device as the kernel itself writes it: 12 bits major, 20 minor. */
function isFile(vfs: Buffer | undefined, { dev, ino }: { readonly dev: number; readonly ino: number }): boolean {
  if (!vfs) return false
  const major = ((dev >> 8) & 0xfff) | 0
  const minor = (dev & 0xff) | ((dev >> 12) & 0xfff00)
  return vfs.readUInt32LE(0) === ino % 2 ** 32 && vfs.readUInt32LE(4) === ((major << 20) | minor) >>> 0
}

function askIfPossible(question: Question): readonly Row[] | null {
  try {
    return ask(question)
  } catch (error) {
    if (error instanceof IpcsupError) return null
    throw error
  }
}

interface Question {
  readonly inode: number
  readonly show: number
  readonly flags: number
}

/** null: the kernel answers with an error. */
function ask(question: Question): readonly Row[] | null {
  const what = 'Asking the kernel about sockets'
  const descriptor = check(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG), what, 'socket')
  try {
    const request = packRequest(question)
    check(send(descriptor, request, request.length, 0), what, 'send')
    const rows: Row[] = []
    const isDump = (question.flags & NLM_F_DUMP) !== 0
    for (;;) {
      const bytes = Buffer.alloc(32768)
      const length = check(recv(descriptor, bytes, bytes.length, 0), what, 'recv')
      const end = readMessages(bytes.subarray(0, length), rows)
      if (end === 'error') return null
      if (end === 'done' || !isDump) return rows
    }
  } finally {
    closeSync(descriptor)
  }
}

/** struct nlmsghdr and struct unix_diag_req. */
function packRequest({ inode, show, flags }: { inode: number; show: number; flags: number }): Buffer {
  const bytes = Buffer.alloc(headerBytes + 24)
  bytes.writeUInt32LE(bytes.length, 0)
  bytes.writeUInt16LE(SOCK_DIAG_BY_FAMILY, 4)
  bytes.writeUInt16LE(flags, 6)
  bytes.writeUInt8(AF_UNIX, headerBytes)
  bytes.writeUInt32LE(0xffffffff, headerBytes + 4)
  bytes.writeUInt32LE(inode, headerBytes + 8)
  bytes.writeUInt32LE(show, headerBytes + 12)
  bytes.writeUInt32LE(noCookie, headerBytes + 16)
  bytes.writeUInt32LE(noCookie, headerBytes + 20)
  return bytes
}

const NLMSG_ERROR = 2
const NLMSG_DONE = 3

function readMessages(bytes: Buffer, rows: Row[]): 'more' | 'done' | 'error' {
  for (let at = 0; at + headerBytes <= bytes.length; ) {
    const length = bytes.readUInt32LE(at)
    const type = bytes.readUInt16LE(at + 4)
    if (type === NLMSG_DONE) return 'done'
    if (type === NLMSG_ERROR) return 'error'
    rows.push(readRow(bytes.subarray(at + headerBytes, at + length)))
    at += align(length)
  }
  return 'more'
}

function readRow(body: Buffer): Row {
  const attributes = new Map<number, Buffer>()
  for (let at = messageBytes; at + 4 <= body.length; ) {
    const length = body.readUInt16LE(at)
    attributes.set(body.readUInt16LE(at + 2), body.subarray(at + 4, at + length))
    at += align(length)
  }
  return { inode: body.readUInt32LE(4), attributes }
}

const align = (length: number): number => (length + 3) & ~3
