/**
 * Permission bits: a number, or octal digits in a string. YAML reads `0660` as the number 660; so numbers past 0o777
 * (660 is one of them) are refused instead of giving other permissions than were meant.
 *
 * @returns 0 to 0o777; null when `mode` is none
 */
export function parseMode(mode: string | number): number | null {
  const bits =
    typeof mode === 'number'
      ? mode
      : /^(0o?)?[0-7]{1,4}$/.test(mode)
        ? Number.parseInt(mode.replace(/^0o/, ''), 8)
        : Number.NaN
  return Number.isInteger(bits) && bits >= 0 && bits <= 0o777 ? bits : null
}
