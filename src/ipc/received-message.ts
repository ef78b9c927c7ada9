/** A message that was received: where its payload lies, and what that is by the codec of its link. */
import type { PayloadCodec } from './codec.js'
import type { Message } from './messages.js'
import { tags } from './ring/layout.js'

/** What a large message needed is not kept for ever. */
const mostKeptBytes = 1024 ** 2

let aside = Buffer.allocUnsafeSlow(4096)
/** The beginning of it: as long as the last copy. */
let copy = aside

/** A copy in memory that no other program writes to; the same for all, so good until the next one. */
function copyAside(source: Buffer, start: number, end: number): Buffer {
  const length = end - start
  if (length > mostKeptBytes) return Buffer.from(source.subarray(start, end))
  if (length > aside.length) aside = Buffer.allocUnsafeSlow(length)
  if (length !== copy.length) copy = aside.subarray(0, length)
  source.copy(copy, 0, start, end)
  return copy
}

export class ReceivedMessage<Value = unknown> implements Message<Value> {
  private view: Buffer | null = null

  /** @param position - for its transport, which knows by it what to acknowledge */
  constructor(
    private readonly codec: PayloadCodec,
    private memory: Buffer,
    private start: number,
    private end: number,
    public tag: number,
    public sequence: number,
    public writer: number,
    public position = 0,
    private readonly views: ReusedViews | null = null,
  ) {}

  /** Makes it another message. */
  become(
    memory: Buffer,
    start: number,
    end: number,
    tag: number,
    sequence: number,
    writer: number,
    position: number,
  ): this {
    this.memory = memory
    this.start = start
    this.end = end
    this.tag = tag
    this.view = null
    this.sequence = sequence
    this.writer = writer
    this.position = position
    return this
  }

  get isText(): boolean {
    return this.tag === tags.text
  }

  get bytes(): Buffer {
    this.view ??=
      this.views?.get(this.writer, this.memory, this.start, this.end) ?? this.memory.subarray(this.start, this.end)
    return this.view
  }

  get text(): string {
    return this.copied.toString()
  }

  get copied(): Buffer {
    return copyAside(this.memory, this.start, this.end)
  }

  get value(): Value {
    return this.codec.decode(this) as Value
  }
}

/**
 * Views of what lies in a ring, used again where a message of the same length comes to lie at the same place, as records of
 * one size do: to make a view costs more than to send a message.
 */
export class ReusedViews {
  private readonly lanes: Buffer[][]

  private constructor(writers: number) {
    this.lanes = Array.from({ length: writers }, () => [])
  }

  /** null for large ones: there would be more views than they are worth. */
  static of(capacity: number, writers: number): ReusedViews | null {
    return capacity * writers <= 2 ** 21 ? new ReusedViews(writers) : null
  }

  /** @param start - a multiple of 16 */
  get(writer: number, memory: Buffer, start: number, end: number): Buffer {
    const views = this.lanes[writer]!
    const found = views[start >> 4]
    if (found !== undefined && found.length === end - start) return found
    const view = memory.subarray(start, end)
    views[start >> 4] = view
    return view
  }
}
