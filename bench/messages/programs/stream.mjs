/** One way: those that send do so until they are ended, those that receive say how many messages a second they were. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { link } from '../../../dist/child.js'
import { peersFolder } from '../../harness.mjs'
import {
  Checker,
  checkApart,
  checkText,
  checkValue,
  fill,
  LargeMessages,
  makeMessage,
  makeValue,
  messageBytes,
  textOf,
} from './pattern.mjs'
import { Meter, run } from './program.mjs'

/** `trySend` says whether there is room, and only then is something awaited. */
async function sendEach(make) {
  const ring = await link('there')
  for (let number = 1; ; number++) {
    const message = make(number)
    if (!ring.trySend(message)) await ring.send(message)
  }
}

async function receiveBatches(take) {
  for await (const batch of (await link('there')).batches()) for (const message of batch) take(message)
}

/** As many under way as suits Node best. */
async function sendToChannel(make) {
  for (let number = 1; ; ) {
    for (let left = 255; left > 0; left--) process.send(make(number++))
    await new Promise(resolve => process.send(make(number++), resolve))
  }
}

function makeFilled() {
  const { message, words } = makeMessage()
  return number => {
    fill(words, 0, number)
    return message
  }
}

await run({
  send: () => sendEach(makeFilled()),
  sendValues: () => sendEach(makeValue),
  sendLarge: ({ bytes }) => {
    const messages = new LargeMessages(bytes)
    return sendEach(number => messages.make(number))
  },
  async sendAwaited() {
    const make = makeFilled()
    const ring = await link('there')
    for (let number = 1; ; number++) await ring.send(make(number))
  },
  async sendReserved() {
    const ring = await link('there')
    let words = null
    for (let number = 1; ; number++) {
      const room = ring.tryReserve(messageBytes) ?? (await ring.reserve(messageBytes))
      words ??= new Int32Array(room.buffer)
      fill(words, room.byteOffset / 4, number)
      ring.commit()
    }
  },

  /** Frames lie wherever their pieces came. */
  receiveFrames() {
    const meter = new Meter()
    return receiveBatches(({ bytes }) => checkApart(bytes, meter.next()))
  },
  receiveBatches() {
    const [checker, meter] = [new Checker(), new Meter()]
    return receiveBatches(({ bytes }) => checker.check(bytes, meter.next()))
  },
  async receiveEach() {
    const [checker, meter] = [new Checker(), new Meter()]
    for await (const { bytes } of await link('there')) checker.check(bytes, meter.next())
  },
  /** To memory of the program's own. */
  receiveCopies() {
    const [checker, meter] = [new Checker(), new Meter()]
    const { message } = makeMessage()
    return receiveBatches(({ bytes }) => {
      message.set(bytes)
      checker.check(message, meter.next())
    })
  },
  /** Each in new memory. */
  receiveNewCopies() {
    const meter = new Meter()
    return receiveBatches(({ value }) => checkApart(value, meter.next()))
  },
  receiveValues() {
    const meter = new Meter()
    return receiveBatches(({ value }) => checkValue(value, meter.next()))
  },
  receiveLarge({ bytes }) {
    const [messages, meter] = [new LargeMessages(bytes), new Meter(1)]
    return receiveBatches(message => messages.check(message.bytes, meter.next()))
  },

  sendTextsToChannel: () => sendToChannel(textOf),
  sendBytesToChannel: () => sendToChannel(makeFilled()),
  receiveTextsFromChannel() {
    const meter = new Meter()
    process.on('message', text => checkText(text, meter.next()))
  },
  receiveBytesFromChannel() {
    const meter = new Meter()
    process.on('message', bytes => checkApart(bytes, meter.next()))
  },
  async sendToZeromq({ address }) {
    const make = makeFilled()
    const { Push } = await loadZeromq()
    const socket = new Push()
    await socket.bind(address)
    for (let number = 1; ; number++) await socket.send(make(number))
  },
  async receiveFromZeromq({ address }) {
    const meter = new Meter()
    const { Pull } = await loadZeromq()
    const socket = new Pull()
    socket.connect(address)
    for await (const [bytes] of socket) checkApart(bytes, meter.next())
  },
})

function loadZeromq() {
  return import(pathToFileURL(createRequire(join(peersFolder, 'package.json')).resolve('zeromq')))
}
