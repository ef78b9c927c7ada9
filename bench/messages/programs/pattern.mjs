/** What is in the messages of the benchmark: every word is derived from the number of the message, and looked at. */

export const messageBytes = 64
const wordsOfMessage = messageBytes / 4
const step = 0x9e3779b1

export function makeMessage() {
  const message = Buffer.alloc(messageBytes)
  return { message, words: new Int32Array(message.buffer, message.byteOffset, wordsOfMessage) }
}

/** Writes message `number`; `at` counts words. */
export function fill(words, at, number) {
  const first = Math.imul(number, step)
  for (let index = 0; index < wordsOfMessage; index++) words[at + index] = first + index
}

function isThere(words, at, number) {
  const first = Math.imul(number, step)
  let difference = 0
  for (let index = 0; index < wordsOfMessage; index++) difference |= words[at + index] ^ (first + index)
  return difference === 0
}

/** Looks at messages where they lie, all of them in one memory. */
export class Checker {
  #words = null

  check(bytes, number) {
    this.#words ??= new Int32Array(bytes.buffer)
    if (bytes.length !== messageBytes || !isThere(this.#words, bytes.byteOffset >> 2, number)) fail(number)
  }
}

const apart = makeMessage()

/** Looks at bytes of which each message has its own memory: in memory where there are words. */
export function checkApart(bytes, number) {
  apart.message.set(bytes)
  if (bytes.length !== messageBytes || !isThere(apart.words, 0, number)) fail(number)
}

/** As many characters as a message has bytes. */
export const textOf = number =>
  number
    .toString(16)
    .padStart(8, '0')
    .repeat(messageBytes / 8)

export function checkText(text, number) {
  if (text !== textOf(number)) fail(number)
}

/** About as many bytes of JSON. */
export const makeValue = number => ({ number, name: 'temperature', at: number * 1000, value: number / 8 })

export function checkValue({ number, name, at, value }, expected) {
  if (number !== expected || name !== 'temperature' || at !== number * 1000 || value !== number / 8) fail(expected)
}

/**
 * Large messages: one of three, with the message's number in each 4 KiB. To write every word in JavaScript would take longer
 * than to send them. Every byte is looked at.
 */
export class LargeMessages {
  #kinds

  constructor(bytes) {
    this.#kinds = [1, 2, 3].map(kind => {
      const words = Int32Array.from({ length: bytes / 4 }, (_, at) => Math.imul(at + kind, step))
      return { words, message: Buffer.from(words.buffer) }
    })
  }

  /** The same object comes again. */
  make(number) {
    const { words, message } = this.#kinds[number % 3]
    for (let at = 0; at < words.length; at += 1024) words[at] = number + at
    return message
  }

  check(bytes, number) {
    if (!this.make(number).equals(bytes)) fail(number)
  }
}

function fail(number) {
  throw new Error(`Message ${number} is not what was sent`)
}
