/** How a run comes out: with its report, or with the fault in ipcsup that ended it. */
import { IpcsupError } from '../errors.js'
import type { Report } from './controls.js'

export class Outcome {
  readonly finished: Promise<Report>
  #settle!: { readonly resolve: (report: Report) => void; readonly reject: (fault: IpcsupError) => void }
  #fault: IpcsupError | null = null

  constructor() {
    this.finished = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    // An embedding app that never asks must not be ended by it; a warning has told it.
    this.finished.catch(() => {})
  }

  /** IPCSUP_ERR_INTERNAL; null: all is as it should be. */
  get fault(): IpcsupError | null {
    return this.#fault
  }

  /** The first one counts: others may only follow from it. */
  fail(name: string, cause: unknown): IpcsupError {
    const why = cause instanceof Error ? cause.message : String(cause)
    this.#fault ??= new IpcsupError('IPCSUP_ERR_INTERNAL', { name, why }, { cause })
    return this.#fault
  }

  end(report: Report): void {
    if (this.#fault === null) this.#settle.resolve(report)
    else this.#settle.reject(this.#fault)
  }
}
