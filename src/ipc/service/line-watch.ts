/**
 * How the connections of a program that read from memory wait, all together: what is there is read, then they look again
 * for some microseconds, then they sleep until the other side says something at the socket.
 */
import { nextTick } from 'node:process'
import { Pace } from '../pace.js'
import { Spin } from '../spin.js'

export interface Looking {
  /** For the watch: how often it looked in vain. */
  idleLooks: number
  /** Sends what the program has said so far. */
  flush(): void
  /** Reads some of what is there. false: nothing was. */
  take(): boolean
  /** The other side is to see that it looks again and again. */
  watch(): void
  hasNext(): boolean
  /** Is something likely to come soon? */
  isExpecting(): boolean
  /** false: there is something now. */
  sleep(): boolean
}

/** One that is quiet sleeps although others are busy: they would look after it at each turn. */
const mostIdleLooks = 64

const awake = new Set<Looking>()
const spin = new Spin()
const pace = new Pace()
let isScheduled = false
/** The event loop is to have its turn first. */
let isTurnDue = false
/** Looking again and again did not help. */
let hasSpun = false

/** It has something, or expects it soon. */
export function lookSoon(one: Looking): void {
  one.idleLooks = 0
  awake.add(one)
  schedule()
}

/** The other side has woken it. */
export function lookNow(one: Looking): void {
  if (hasSpun && awake.size === 0) spin.slept()
  hasSpun = false
  pace.restart()
  one.idleLooks = 0
  awake.add(one)
  if (!isScheduled) look()
}

export function lookNoMore(one: Looking): void {
  awake.delete(one)
}

function schedule(): void {
  if (isScheduled) return
  isScheduled = true
  // A tick that is asked for by a microtask comes when all microtasks are done: what was read has been dealt with then.
  if (isTurnDue || pace.isDue()) setImmediate(look)
  else queueMicrotask(lookLater)
  isTurnDue = false
}

const lookLater = (): void => nextTick(look)

function look(): void {
  isScheduled = false
  let isThere = true
  try {
    isThere = lookOnce()
  } finally {
    // Also when something was thrown: who is awake is woken by nobody.
    if (isThere) schedule()
  }
}

/** false: all of them sleep. */
function lookOnce(): boolean {
  for (const one of awake) one.flush()
  if (takeAll() || lookAgain()) return true
  for (const one of awake) dismiss(one)
  return awake.size > 0
}

function takeAll(): boolean {
  let isThere = false
  for (const one of awake) {
    if (one.take()) {
      isThere = true
      one.idleLooks = 0
    } else if (++one.idleLooks > mostIdleLooks) dismiss(one)
    if (!pace.isDue()) continue
    isTurnDue = true
    beginBehind(one)
    return true
  }
  return isThere
}

/** After the turn of the event loop those are first that had none now. */
function beginBehind(last: Looking): void {
  for (const one of [...awake]) {
    awake.delete(one)
    awake.add(one)
    if (one === last) break
  }
}

function dismiss(one: Looking): void {
  if (one.sleep()) awake.delete(one)
}

function lookAgain(): boolean {
  let isExpecting = false
  for (const one of awake) isExpecting ||= one.isExpecting()
  hasSpun = isExpecting
  if (!isExpecting) return false
  for (const one of awake) one.watch()
  return spin.until(isAnyThere)
}

function isAnyThere(): boolean {
  for (const one of awake) if (one.hasNext()) return true
  return false
}
