// What messages of tests contain: a name, a number, and what shows that nothing of it was changed.

/** Larger than what any pipe or socket takes at once. */
export const largeBytes = 12 * 1024 * 1024

export function fill(name: string, number: number, size: number): string {
  const head = `${name} ${number} ${size} `
  if (size <= head.length) return `${name} ${number} 0 `
  return (
    head +
    pattern(name, number)
      .repeat(Math.ceil(size / 9))
      .slice(0, size - head.length)
  )
}

/** `name number`; or what is wrong with it. */
export function explain(text: string): string {
  const [name, number, size] = text.split(' ', 3) as [string, string, string]
  return text === fill(name, Number(number), Number(size)) ? `${name} ${number}` : `ALTERED ${text.slice(0, 40)}`
}

const pattern = (name: string, number: number): string => `${name}${number * 31}`.padEnd(9, '.').slice(-9)
