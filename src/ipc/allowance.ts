/** How often something may be done: some times at once, and then as often as one more is granted. */
export class Allowance {
  /** When all of them are granted again. */
  private fullAtMs = Number.NEGATIVE_INFINITY

  /**
   * @param most - at once, after a rest
   * @param eachMs - after which one more is granted
   */
  constructor(
    private readonly most: number,
    private readonly eachMs: number,
  ) {}

  /** Takes one. Returns in how many ms there is a next one; 0: there is now. */
  take(nowMs: number): number {
    this.fullAtMs = Math.max(this.fullAtMs, nowMs) + this.eachMs
    return Math.max(0, this.fullAtMs - nowMs - (this.most - 1) * this.eachMs)
  }
}
