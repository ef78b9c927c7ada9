/** Who has a socket, as far as this user may look (proc_pid_fd(5)). */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Goes on from "it is taken": ` by process 17 (nginx: master process)`. */
export function describeHolder(inode: number): string {
  const pid = findHolder(String(inode))
  if (pid === null) return ' by a process that this user cannot see'
  return pid === process.pid ? ' by another link of this supervisor' : ` by process ${pid} (${readCommand(pid)})`
}

/** The lowest pid that has the socket open and that this user may look into. */
export function findHolder(inode: string): number | null {
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger)
  return pids.sort((a, b) => a - b).find(pid => hasSocket(pid, inode)) ?? null
}

function hasSocket(pid: number, inode: string): boolean {
  const directory = `/proc/${pid}/fd`
  return listOrEmpty(directory).some(
    descriptor => readLinkOrEmpty(`${directory}/${descriptor}`) === `socket:[${inode}]`,
  )
}

/** Of another user's process, or one that ended, there is nothing to see. */
export function listOrEmpty(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

/** It may be closed since it was listed, as of this process the one that the list was read by. */
export function readLinkOrEmpty(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

/** The first 80 characters of what it was started as. */
export function readCommand(pid: number): string {
  const words = readOrEmpty(`/proc/${pid}/cmdline`).split('\0').join(' ').trim()
  return words.slice(0, 80) || readOrEmpty(`/proc/${pid}/comm`).trim()
}

export function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
