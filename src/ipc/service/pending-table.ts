/**
 * Calls by number, where numbers count up and calls are mostly answered soon.
 *
 * Not a Map: one that is filled and emptied all the time leaves tables behind that keep each other alive through the
 * collector's generations, which took a third of the time of small calls.
 */
export interface Numbered {
  readonly number: number
}

const leastSlots = 256
const mostSlots = 65536

export class PendingTable<Item extends Numbered> {
  #slots: (Item | undefined)[] = new Array(leastSlots).fill(undefined)
  /** Those that are in the way of younger ones. */
  readonly #slow = new Map<number, Item>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Its number must be new. */
  add(item: Item): void {
    if (this.#size * 2 > this.#slots.length && this.#slots.length < mostSlots) this.#grow()
    this.#size += 1
    this.#put(item)
  }

  #put(item: Item): void {
    const at = item.number & (this.#slots.length - 1)
    const other = this.#slots[at]
    if (other !== undefined) this.#slow.set(other.number, other)
    this.#slots[at] = item
  }

  #grow(): void {
    const items = this.items()
    this.#slots = new Array(this.#slots.length * 2).fill(undefined)
    this.#slow.clear()
    for (const item of items) this.#put(item)
  }

  get(number: number): Item | undefined {
    const item = this.#slots[number & (this.#slots.length - 1)]
    return item !== undefined && item.number === number ? item : this.#slow.get(number)
  }

  /** false: it was not there. */
  delete(number: number): boolean {
    const at = number & (this.#slots.length - 1)
    const item = this.#slots[at]
    const isThere = item !== undefined && item.number === number
    if (isThere) this.#slots[at] = undefined
    else if (!this.#slow.delete(number)) return false
    this.#size -= 1
    return true
  }

  clear(): void {
    this.#slots.fill(undefined)
    this.#slow.clear()
    this.#size = 0
  }

  /** In the order of their numbers. */
  items(): Item[] {
    const items = this.#slots.filter(item => item !== undefined)
    return [...items, ...this.#slow.values()].sort((one, other) => one.number - other.number)
  }
}
