/**
 * Words and tables for people.
 */

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, cyan: 36 } as const

export type Paint = (text: string, style: keyof typeof codes) => string

/** Paints only where colour is wanted. */
export function makePaint(color: boolean): Paint {
  return color ? (text, style) => `\x1b[${codes[style]}m${text}\x1b[0m` : text => text
}

export interface Cell {
  readonly text: string
  readonly style?: keyof typeof codes
  readonly align?: 'right'
}

/**
 * Columns as wide as their widest cell, two blanks between; no blanks at the end of a line. A table without rows is its
 * head.
 */
export function formatTable(head: readonly string[], rows: readonly (readonly Cell[])[], paint: Paint): string {
  const titles = head.map((text, column): Cell => ({ ...rows[0]?.[column], text: text.toUpperCase(), style: 'dim' }))
  const lines = [titles, ...rows]
  const widths = head.map((_, column) => Math.max(...lines.map(line => width(line[column]?.text ?? ''))))
  return lines.map(line => `${formatLine(line, widths, paint)}\n`).join('')
}

function formatLine(line: readonly Cell[], widths: readonly number[], paint: Paint): string {
  const last = line.findLastIndex(cell => cell.text !== '')
  return line
    .slice(0, last + 1)
    .map(({ text, style, align }, column) => {
      const gap = ' '.repeat(widths[column]! - width(text))
      const painted = style ? paint(text, style) : text
      if (align === 'right') return gap + painted
      return column === last ? painted : painted + gap
    })
    .join('  ')
}

function width(text: string): number {
  return [...text].length
}

/** `64 KiB`, `1.5 MiB`; null: nothing. */
export function formatBytes(bytes: number | null): string {
  if (bytes === null) return ''
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10))
  const value = bytes / 1024 ** power
  return `${Number.isInteger(value) || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`
}

/** The two largest parts: `850ms`, `12s`, `3m 07s`, `2h 05m`, `4d 03h`; null: nothing. */
export function formatDuration(ms: number | null): string {
  if (ms === null) return ''
  if (ms < 1000) return `${Math.round(ms)}ms`
  const seconds = Math.floor(ms / 1000)
  const two = (value: number) => String(value).padStart(2, '0')
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h ${two(Math.floor(seconds / 60) % 60)}m`
  return `${Math.floor(seconds / 86_400)}d ${two(Math.floor(seconds / 3600) % 24)}h`
}

/** Control characters (of a name that a child chose, say) as `\x1b`; they could rewrite the screen. */
export function escapeControls(text: string): string {
  return text.replace(
    /[\x00-\x1f\x7f-\x9f]/g,
    character => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}

/** As JSON for `--json`: two blanks, a newline at the end. */
export function formatJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
