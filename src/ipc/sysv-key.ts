/** A key for an object of System V whose key the config does not fix: it may be taken, which its making tells. */
export function chooseKey(): number {
  // 0 would be IPC_PRIVATE, which is no key. No secret: node:crypto would cost 3 ms of every start.
  return 1 + Math.floor(Math.random() * (2 ** 31 - 1))
}
