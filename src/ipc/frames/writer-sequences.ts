/** What the numbers of frames tell: which did not come. */

/** Beyond that the one that was silent longest is forgotten. */
const most = 1024

export class WriterSequences {
  missed = 0
  /** Torn frames of which no number has told yet that they are missing. */
  private torn = 0
  private appeared = 0
  private readonly known = new Map<number, { index: number; sequence: number }>()
  private lastId = -1
  private last: { index: number; sequence: number } | null = null

  noteTorn(): void {
    this.torn++
  }

  /**
   * A frame came.
   *
   * @returns which writer that is, from 0, in the order in which they appeared
   */
  count(id: number, sequence: number): number {
    const row = this.last !== null && this.lastId === id ? this.last : this.known.get(id)
    if (row === undefined) return this.begin(id, sequence)
    if (this.torn > 0 || sequence !== row.sequence + 1) this.compare(sequence - row.sequence - 1)
    row.sequence = sequence
    this.last = row
    this.lastId = id
    return row.index
  }

  /** Nobody will come who could tell. */
  finish(): void {
    this.missed += this.torn
    this.torn = 0
  }

  private compare(gap: number): void {
    // What was torn and leaves no gap was nothing that this writer sent.
    this.missed += Math.max(0, gap)
    this.torn = 0
  }

  /** What was torn was of a writer before, whose next number nobody will see. */
  private begin(id: number, sequence: number): number {
    this.finish()
    if (this.known.size === most) this.known.delete(this.known.keys().next().value!)
    const row = { index: this.appeared++, sequence }
    this.known.set(id, row)
    this.last = row
    this.lastId = id
    return row.index
  }
}
