/** The ends of links that the embedding app has. */
import type { LogFile } from './controls.js'
import type { Host } from './host/host.js'
import type { BlockedLog } from './logs/logs.js'
import type { HandsForOutside } from './outside-ends.js'

/** A host in this process: it can also give an end to the embedding app, and to programs outside. */
export interface NearHost extends Host, HandsForOutside {
  /** Opens an end for the app. `over` is called once, when the app is done with it. */
  openForApp(link: string, side: string, over: () => void): Promise<AppEnd>
  /** Where the logs are; a file exists once something was written. */
  logFiles(): readonly LogFile[]
  /** Log streams that cannot be written now. */
  blockedLogs(): readonly BlockedLog[]
}

/** An end that the app has: what `kind.open` made of it. */
export interface AppEnd {
  readonly end: unknown
  /** Takes it away from the app. */
  close(): void
}

export class AppEnds {
  readonly #ends = new Set<AppEnd>()
  readonly #use: (link: string, side: string, change: 1 | -1) => void

  /** @param use - counts the app in and out as a use of a side */
  constructor(use: (link: string, side: string, change: 1 | -1) => void) {
    this.#use = use
  }

  /** A use from now on, until the end is closed. `findHost` waits for the links, and refuses what is closed by then. */
  async open(link: string, side: string, findHost: () => Promise<NearHost>): Promise<unknown> {
    this.#use(link, side, 1)
    try {
      const host = await findHost()
      const app = await host.openForApp(link, side, () => {
        this.#ends.delete(app)
        this.#use(link, side, -1)
      })
      this.#ends.add(app)
      return app.end
    } catch (error) {
      this.#use(link, side, -1)
      throw error
    }
  }

  closeAll(): void {
    for (const app of this.#ends) app.close()
  }
}
