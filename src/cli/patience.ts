/** Says whom a stop waits for, once it takes longer than a person expects. */
import type { ProcessStatus, Status } from '../supervisor/controls.js'

export interface Waiting {
  readonly status: () => Promise<Status>
  /** One line for a person, without the newline. */
  readonly say: (line: string) => void
  /** What ends the waiting; said with each line. */
  readonly advice: string
  /** Calls `run` once after that time; the answer cancels it. */
  readonly schedule?: (delayMs: number, run: () => void) => () => void
}

const patienceMs = 5_000
const mostNames = 8

/** Passes on what `stopping` gives; meanwhile says every 5 s for whom it waits, unless they are the same as before. */
export async function waitForStop<R>(stopping: Promise<R>, waiting: Waiting): Promise<R> {
  const { status, say, advice, schedule = scheduleReal } = waiting
  let said = ''
  let isOver = false
  let cancel = (): void => {}
  const look = async (): Promise<void> => {
    // Too busy to answer, or gone this moment.
    const seen = await status().catch(() => null)
    if (isOver) return
    const line = seen && `${describeAwaited(seen.processes)}${advice}`
    if (line !== null && line !== said) say(line)
    said = line ?? said
    lookLater()
  }
  const lookLater = (): void => {
    cancel = schedule(patienceMs, () => void look())
  }
  lookLater()
  try {
    return await stopping
  } finally {
    isOver = true
    cancel()
  }
}

function describeAwaited(processes: readonly ProcessStatus[]): string {
  const names = processes.filter(({ pid }) => pid !== null).map(({ name }) => name)
  if (names.length === 0) return 'All processes have ended; waiting for what they left behind, and for their logs.'
  const others = names.length - mostNames
  const list = names.slice(0, mostNames).join(', ')
  return `Waiting for ${list}${others > 0 ? ` and ${others} more` : ''} to end.`
}

const scheduleReal: NonNullable<Waiting['schedule']> = (delayMs, run) => {
  const timer = setTimeout(run, delayMs)
  return () => clearTimeout(timer)
}
