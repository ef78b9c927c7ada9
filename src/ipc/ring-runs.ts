/** The order in which messages of several writers were received: what "everything up to this message" means. */

/** How far something is acknowledged, as a reader of a ring wants it. */
export interface Acknowledged {
  readonly writer: number
  readonly position: number
  readonly sequence: number
}

/** Messages of one writer that were received one after another. */
interface Run {
  readonly writer: number
  first: number
  last: number
  /** Of the last one. */
  position: number
}

export class ReceivedRuns {
  private runs: Run[] = []

  add(writer: number, position: number, sequence: number): void {
    // There is no element -1, and to ask for one costs more than all else here.
    const last = this.runs.length > 0 ? this.runs[this.runs.length - 1] : undefined
    // What comes again from a dead reader may be older.
    if (last !== undefined && last.writer === writer && last.last < sequence) {
      last.last = sequence
      last.position = position
      return
    }
    // The last one of all may be empty: that saves making it anew where there is one writer only.
    if (last !== undefined && last.first > last.last) this.runs.pop()
    this.runs.push({ writer, first: sequence, last: sequence, position })
  }

  clear(): void {
    this.runs.length = 0
  }

  /**
   * The same as `takeUpTo` where that message is the only one to be acknowledged, but for earlier ones of its writer: true.
   * This is how nearly all are, and a list for each would cost more than all else that is done with it.
   */
  takeFirst({ writer, sequence }: Acknowledged): boolean {
    const run = this.runs[0]
    if (run === undefined || run.writer !== writer || sequence < run.first || sequence > run.last) return false
    if (sequence === run.last && this.runs.length > 1) return false
    run.first = sequence + 1
    return true
  }

  /** All up to that message, no longer remembered; none when it was taken before. */
  takeUpTo(message: Acknowledged): Acknowledged[] {
    const { writer, sequence } = message
    const index = this.runs.findIndex(run => run.writer === writer && run.first <= sequence && sequence <= run.last)
    if (index === -1) return []
    const run = this.runs[index]!
    const before = this.runs.splice(0, run.last === sequence ? index + 1 : index).slice(0, index)
    run.first = sequence + 1
    return [...before.map(({ writer, position, last }) => ({ writer, position, sequence: last })), message]
  }
}
