/**
 * koffi, loaded when the first system call is made, and the prototypes of libc, declared one by one as they are used.
 */
import { createRequire } from 'node:module'
import type * as Koffi from 'koffi'
import { IpcsupError } from '../../errors.js'

type KoffiModule = typeof Koffi
type NativeFunction = (...values: never[]) => unknown
type FoundFunction = Koffi.KoffiFunc<(...values: never[]) => unknown>

let koffi: KoffiModule | undefined
let libc: Koffi.LibraryHandle | undefined
let namesByErrno: ReadonlyMap<number, string> | undefined

/** The module itself. `require` and not `import`: it is needed in the middle of synchronous work, and costs half the time. */
export function loadKoffi(): KoffiModule {
  koffi ??= createRequire(import.meta.url)('koffi') as KoffiModule
  return koffi
}

/**
 * A C function of libc. Variadic ones are declared with the arguments that we pass: on Linux, unlike macOS on arm64,
 * both are passed alike, and koffi analyses a real variadic call anew each time.
 */
export function declare<F extends NativeFunction>(prototype: string): F {
  let native: FoundFunction | undefined
  const call = (...values: never[]): unknown => {
    native ??= find(prototype)
    return native(...values)
  }
  return call as F
}

/** One that waits, called on a thread of libuv's pool. Its result is all that comes back: `errno` is that thread's. */
export function declareWaiting<F extends NativeFunction>(
  prototype: string,
): (...values: Parameters<F>) => Promise<ReturnType<F>> {
  let native: FoundFunction | undefined
  return (...values) => {
    native ??= find(prototype)
    const found = native
    return new Promise((resolve, reject) => {
      found.async(...values, (failure, result) => (failure ? reject(failure) : resolve(result as ReturnType<F>)))
    })
  }
}

function find(prototype: string): FoundFunction {
  libc ??= loadKoffi().load(null)
  return libc.func(prototype)
}

/** Address of memory that does not move: `bytes` must come from `Buffer.allocUnsafeSlow`, and stay referenced. */
export function addressOf(bytes: Buffer): bigint {
  return loadKoffi().address(bytes)
}

/** `errno` of the call made just now. */
export function lastErrno(): string {
  return nameErrno(loadKoffi().errno())
}

export function nameErrno(number: number): string {
  namesByErrno ??= readErrnoNames()
  return namesByErrno.get(number) ?? `errno ${number}`
}

/**
 * The error of a system call that failed just now.
 *
 * @param what - what could not be done, as the start of a sentence
 * @param call - name of the system call
 */
export function systemError(what: string, call: string, errno = lastErrno()): IpcsupError {
  return new IpcsupError('IPCSUP_ERR_SYSTEM', { what, call, errno })
}

/** Passes a result of 0 and above on, and throws for -1. */
export function check(result: number, what: string, call: string): number {
  if (result < 0) throw systemError(what, call)
  return result
}

function readErrnoNames(): ReadonlyMap<number, string> {
  const seconds = new Set(['EWOULDBLOCK', 'EDEADLOCK', 'EOPNOTSUPP'])
  const entries = Object.entries(loadKoffi().os.errno).filter(([name]) => !seconds.has(name))
  return new Map(entries.map(([name, number]) => [number, name]))
}
