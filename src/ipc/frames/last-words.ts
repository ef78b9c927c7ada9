/**
 * What was sent in the turn in which the program ends is written before it does, as far as the kernel takes it at once: no
 * later turn comes.
 */

interface Flushing {
  flush(): void
}

const senders = new Set<Flushing>()

function flushAll(): void {
  for (const sender of senders) sender.flush()
}

export function rememberSender(sender: Flushing): void {
  if (senders.size === 0) process.on('exit', flushAll)
  senders.add(sender)
}

export function forgetSender(sender: Flushing): void {
  senders.delete(sender)
  if (senders.size === 0) process.off('exit', flushAll)
}
