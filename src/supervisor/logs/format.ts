/** How log lines look where they are shown: by the supervisor while it runs, and by `ipcsup logs`. */
import { LineSplitter, type ShownLine } from './lines.js'
import type { LogStream } from './logs.js'

export const defaultLineLimitBytes = 65_536

export interface LineStyle {
  /** Coloured prefixes. */
  readonly color: boolean
  /** Control characters are escaped, but for tabs and colours (SGR); else bytes stay as they are. */
  readonly isTerminal: boolean
  /** In the order of the Plan. Decide the width and the colours of prefixes; others are added as they come. */
  readonly names: readonly string[]
}

export type FormatLine = (process: string, stream: LogStream['stream'], line: ShownLine) => Buffer

// Red is the mark of stderr. No white or black: one of them is the background.
const colors = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94]
const bars = { stdout: '|', stderr: '!' } satisfies Record<LogStream['stream'], string>

/** Makes a formatter: `name | line` and a newline, `name ! line` for stderr. */
export function createLineFormat(style: LineStyle): FormatLine {
  const prefixOf = createPrefixes(style)
  return (process, stream, line) => {
    const text = style.isTerminal ? Buffer.from(escapeControls(line.bytes.toString())) : line.bytes
    const before = `${prefixOf(process, stream)}${line.isContinued ? '…' : ''}`
    const after = `${line.isCut ? ' … [line cut]' : ''}${line.isUnfinished ? '…' : ''}\n`
    return Buffer.concat([Buffer.from(before), text, Buffer.from(after)])
  }
}

function createPrefixes({ names, color }: LineStyle): (process: string, stream: LogStream['stream']) => string {
  const places = new Map([...new Set(names)].map((name, place) => [name, place]))
  let width = Math.max(0, ...names.map(name => name.length))
  return (process, stream) => {
    const place = places.get(process) ?? places.size
    places.set(process, place)
    width = Math.max(width, process.length)
    const name = process.padEnd(width)
    if (!color) return `${name} ${bars[stream]} `
    const bar = stream === 'stderr' ? `\x1b[31m${bars.stderr}\x1b[0m` : bars.stdout
    return `\x1b[${colors[place % colors.length]}m${name}\x1b[0m ${bar} `
  }
}

// C0 but for tab, DEL, C1 (one code of two bytes in UTF-8, obeyed by some terminals), and what turns the direction of
// text. ESC comes with what follows it if that is a colour.
const controls = /\x1b\[[\d;:]{0,64}m|[\x00-\x08\x0a-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g

/**
 * Text that cannot do anything to a terminal but colour itself: other control characters become `\x1b`, `\r`, `\u202e`.
 * Colours end with the line. A CR at the end (CRLF) is left out.
 */
export function escapeControls(text: string): string {
  let isColored = false
  const escaped = text.replace(/\r$/, '').replace(controls, found => {
    if (found.length === 1) return escapeOne(found)
    isColored = true
    return found
  })
  return isColored ? `${escaped}\x1b[0m` : escaped
}

function escapeOne(character: string): string {
  if (character === '\r') return '\\r'
  const code = character.charCodeAt(0).toString(16)
  return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`
}

/** Whole shown lines from chunks of several log files, as `ipcsup logs` prints them. */
export interface LinePrinter {
  /** The lines that are whole now. */
  print(process: string, stream: LogStream['stream'], chunk: Buffer): Buffer
  /** What is left of every stream, its last line unfinished, each with a newline. */
  end(): Buffer
}

export function createLinePrinter(style: LineStyle & { readonly lineLimitBytes?: number }): LinePrinter {
  const format = createLineFormat(style)
  const sources = new Map<string, { process: string; stream: LogStream['stream']; splitter: LineSplitter }>()
  const sourceOf = (process: string, stream: LogStream['stream']) => {
    const key = `${process}.${stream}`
    const source = sources.get(key) ?? {
      process,
      stream,
      splitter: new LineSplitter(style.lineLimitBytes ?? defaultLineLimitBytes),
    }
    sources.set(key, source)
    return source
  }
  return {
    print(process, stream, chunk) {
      const { splitter } = sourceOf(process, stream)
      const shown: Buffer[] = []
      for (let at = 0; at < chunk.length; ) {
        const step = splitter.next(chunk, at)
        if (step.line !== null) shown.push(format(process, stream, step.line))
        at = step.at
      }
      return Buffer.concat(shown)
    },
    end() {
      const rests = [...sources.values()].map(({ process, stream, splitter }) => {
        const line = splitter.takeUnfinished(true)
        return line === null ? null : format(process, stream, line)
      })
      return Buffer.concat(rests.filter(rest => rest !== null))
    },
  }
}
