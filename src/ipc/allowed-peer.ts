/** Whether who connected to a socket of the supervisor may use it: the same user, or root, who could trace it anyway. */
export function isAllowed(peerUid: number, ownUid: number): boolean {
  return peerUid === ownUid || peerUid === 0
}
