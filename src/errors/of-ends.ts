import type { Entry } from '../errors.js'

/** What goes wrong in a program that has an end of a link: one half of the table of all errors. */
export const errorsOfEnds = {
  IPCSUP_ERR_LINK_USE: {
    status: 1,
    text: d => `Link "${d.link}" cannot be ${d.what}: ${d.why}. ${d.advice}`,
  },
  IPCSUP_ERR_NO_SUCH_END: {
    status: 2,
    text: d =>
      `Link "${d.name}" cannot be opened: this process was given no end of it. It has: ${d.known}. Declare the link at this process in the config.`,
  },
  IPCSUP_ERR_CALL_ENCODING: {
    status: 1,
    text: d => `${d.what}: ${d.why}. Pass what JSON has, bytes, bigints, dates, maps or sets.`,
  },
  IPCSUP_ERR_CALL_STORE: {
    status: 1,
    text: d => `\`context.store\` of ${d.call} cannot be used: ${d.why}. ${d.advice}`,
  },
  IPCSUP_ERR_CALL_TIMEOUT: {
    status: 1,
    text: d =>
      `"${d.call}" was not answered within ${d.timeoutMs} ms: ${d.why}. Look with \`ipcsup status\`, or wait longer.`,
  },
  IPCSUP_ERR_CALL_UNKNOWN: {
    status: 1,
    text: d => `Whether "${d.call}" was done is not known: ${d.why}. ${d.advice ?? 'Find out before you call again.'}`,
  },
  IPCSUP_ERR_CLOSED: {
    status: 1,
    text: d =>
      `${d.what} cannot be used any more: it was closed by this program. Close it after its last use, when nothing of it is waited for.`,
  },
  IPCSUP_ERR_NO_SUCH_METHOD: {
    status: 2,
    text: d => `"${d.service}" has no method "${d.method}".${d.nearest ?? ''} It has: ${d.known}.`,
  },
  IPCSUP_ERR_SERVICE_OVER: {
    status: 1,
    text: d => `"${d.call}" cannot be called: ${d.why}. Start a process that serves it.`,
  },
  IPCSUP_ERR_SERVICE_STORE: {
    status: 4,
    text: d => `The store ${d.path} cannot be used: ${d.why}. Make it usable, or say another \`store\` in the config.`,
  },
  IPCSUP_ERR_SERVICE_WIRE: {
    status: 1,
    text: d => `The connection to "${d.service}" has ended: ${d.why}. See what the other program is, and its version.`,
  },
  IPCSUP_ERR_TIMEOUT: {
    status: 1,
    text: d =>
      `Waiting for ${d.what} was given up after ${d.timeoutMs} ms: it was not free. Look who has it with \`ipcsup status\`, or wait longer.`,
  },
  IPCSUP_ERR_VALUE_RANGE: {
    status: 2,
    text: d => `${d.what} is not possible: ${d.why}.`,
  },
  IPCSUP_ERR_CODEC: {
    status: 1,
    text: d => `${d.what} cannot be ${d.done} over a link with codec "${d.codec}": ${d.why}. ${d.advice}`,
  },
  IPCSUP_ERR_MESSAGE_SIZE: {
    status: 1,
    text: d => `A message of ${d.bytes} bytes cannot be sent: the largest here has ${d.largest}. ${d.advice}`,
  },
  IPCSUP_ERR_NO_READER: {
    status: 1,
    text: d => `Nothing can be sent any more: every reader of this ${d.what} is finished, and nobody will take it.`,
  },
  IPCSUP_ERR_RING_CORRUPT: {
    status: 1,
    text: d =>
      `The ring "${d.link}" is given up: ${d.why}. A program wrote into its memory what no user of a ring writes. ` +
      'Correct that program, and start all who use the link again.',
  },
  IPCSUP_ERR_RING_LAYOUT: {
    status: 1,
    text: d => `The ring cannot be opened: ${d.why}. ${d.advice}`,
  },
  IPCSUP_ERR_REGISTRATION: {
    status: 1,
    text: d => `Nobody can serve "${d.service}" so: ${d.why}. ${d.advice}`,
  },
} satisfies Record<`IPCSUP_ERR_${string}`, Entry>
