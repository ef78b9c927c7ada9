/** Shows the lines of all streams and the supervisor's own on one display: whole lines, first come first served. */
import { isatty } from 'node:tty'
import { DisplayWriter } from './display.js'
import { createLineFormat, type FormatLine } from './format.js'
import type { LineSplitter, ShownLine } from './lines.js'
import type { LogDisplay, LogStream } from './logs.js'
import type { Schedule } from './messages.js'

export interface ScreenOptions {
  readonly display: LogDisplay
  readonly names: readonly string[]
  readonly schedule: Schedule
  /** Everything that was waiting has been told. */
  readonly onFree: () => void
  readonly onWarning: (message: string) => void
}

/** Where lines come from. */
export interface LineSource {
  readonly process: string
  readonly stream: LogStream['stream']
  readonly splitter: LineSplitter
}

// One write of many lines costs as much as one of a single line. What is formatted and not yet taken is never more.
const batchBytes = 16_384
// Of the supervisor's own lines while nobody reads the display: a child that crashes for days must not fill the memory.
const keptNoticeBytes = 65_536

export class Screen {
  readonly #options: ScreenOptions
  readonly #display: DisplayWriter
  readonly #format: FormatLine
  readonly #waiting = new Set<() => void>()
  #notices: Buffer[] = []
  #noticeBytes = 0
  #unshownNotices = 0

  constructor(options: ScreenOptions) {
    this.#options = options
    const { descriptor, color } = options.display
    const onFree = () => this.#goOn()
    this.#display = new DisplayWriter({ descriptor, schedule: options.schedule, onFree, onWarning: options.onWarning })
    // A terminal without colours (NO_COLOR) needs its escapes all the same.
    this.#format = createLineFormat({ color, isTerminal: color || isatty(descriptor), names: options.names })
  }

  get isIdle(): boolean {
    return !this.#display.isBlocked && this.#notices.length === 0
  }

  /** Shows lines of `chunk` from `from` on while they are taken. Answers where it stopped. */
  show(source: LineSource, chunk: Buffer, from: number): number {
    let at = from
    while (at < chunk.length && !this.#display.isBlocked) {
      if (this.#display.isOver) return chunk.length
      const batch: Buffer[] = []
      for (let bytes = 0; at < chunk.length && bytes < batchBytes; ) {
        const { line, at: next } = source.splitter.next(chunk, at)
        at = next
        if (line !== null) bytes += batch[batch.push(this.#formatLine(source, line)) - 1]!.length
      }
      if (batch.length > 0) this.#display.write(Buffer.concat(batch))
    }
    return at
  }

  /** Shows the unfinished line of a source, if there is one. False: not now, the display is blocked. */
  showUnfinished(source: LineSource, isEnd: boolean): boolean {
    if (this.#display.isBlocked) return false
    const line = source.splitter.takeUnfinished(isEnd)
    if (line !== null) this.#display.write(this.#formatLine(source, line))
    return true
  }

  /** Shows lines of the supervisor's own. */
  notice(text: string): void {
    if (this.#display.isOver) return
    const bytes = Buffer.from(text.endsWith('\n') ? text : `${text}\n`)
    if (this.#noticeBytes + bytes.length > keptNoticeBytes && this.#display.isBlocked) {
      this.#unshownNotices++
      return
    }
    this.#notices.push(bytes)
    this.#noticeBytes += bytes.length
    this.#showNotices()
  }

  /** `goOn` is called once when the display takes lines again; who is told earlier waited longer. */
  waitFor(goOn: () => void): void {
    this.#waiting.add(goOn)
  }

  /** What was not taken yet is not shown; whoever waits goes on. */
  close(): void {
    this.#display.close()
    this.#goOn()
  }

  #goOn(): void {
    this.#showNotices()
    for (const goOn of [...this.#waiting]) {
      if (this.#display.isBlocked) return
      this.#waiting.delete(goOn)
      goOn()
    }
    this.#options.onFree()
  }

  #showNotices(): void {
    if (this.#display.isBlocked || this.#notices.length === 0) return
    if (this.#unshownNotices > 0) this.#notices.push(Buffer.from(`(${this.#unshownNotices} messages not shown)\n`))
    this.#display.write(Buffer.concat(this.#notices))
    this.#notices = []
    this.#noticeBytes = 0
    this.#unshownNotices = 0
  }

  #formatLine({ process, stream }: LineSource, line: ShownLine): Buffer {
    return this.#format(process, stream, line)
  }
}
