/** The pipe memory of this supervisor: the kernel gives an unprivileged user 64 MiB for all programs together. */

const budgetBytes = 16 * 1024 * 1024

export interface PipeMemory {
  /** May a pipe of that size come to those that exist? */
  mayUse(bytes: number): boolean
  /** What the kernel granted. */
  count(name: string, bytes: number): void
  forget(name: string): void
}

export function createPipeMemory(): PipeMemory {
  const sizes = new Map<string, number>()
  let total = 0
  const forget = (name: string): void => {
    total -= sizes.get(name) ?? 0
    sizes.delete(name)
  }
  return {
    mayUse: bytes => total + bytes <= budgetBytes,
    count: (name, bytes) => {
      forget(name)
      sizes.set(name, bytes)
      total += bytes
    },
    forget,
  }
}
