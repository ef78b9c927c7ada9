/** What the suites of several forms run, and ask of a process. */
import { existsSync, readFileSync } from 'node:fs'
import { readProcess } from '../../../src/supervisor/host/proc.js'

/** A child of a child lists what it has open. */
export const listDescriptors = ['/bin/sh', '-c', '/bin/ls /proc/self/fd; :'] as const

/** What that prints with so many ends of links: they follow the standard streams, and the last is the directory. */
export const listing = (ends: number): string => [...Array(3 + ends + 1).keys()].map(number => `${number}\n`).join('')

/** Runs a command once there is a file `go`. */
export const whenTold = (command: readonly string[]): string[] => [
  '/bin/sh',
  '-c',
  'while ! test -e go; do sleep 0.01; done; exec "$@"',
  'sh',
  ...command,
]

/** Words of a command as a shell reads them. */
export const quote = (words: readonly string[]): string => words.map(word => `'${word}'`).join(' ')

/** asm/unistd.h */
const callNumbers = {
  x64: { read: 0, write: 1, mq_timedsend: 242, mq_timedreceive: 243, msgsnd: 69, msgrcv: 70 },
  arm64: { read: 63, write: 64, mq_timedsend: 182, mq_timedreceive: 183, msgsnd: 189, msgrcv: 188 },
} as const

/** It sleeps in the kernel, in one of these calls. */
export function isAsleepIn(pid: number, ...calls: readonly (keyof (typeof callNumbers)['x64'])[]): boolean {
  const path = `/proc/${pid}/syscall`
  if (!existsSync(path) || readProcess(pid)?.state !== 'S') return false
  const [now] = readFileSync(path, 'utf8').split(' ')
  return calls.some(call => String(callNumbers[process.arch as 'x64' | 'arm64'][call]) === now)
}
