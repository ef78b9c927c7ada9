/**
 * Errors as they cross the control socket.
 */
import { type ErrorData, type ExitStatus, errorCodes, IpcsupError } from '../errors.js'

export interface WireError extends ErrorData {
  /** Exit status of the command that asked. */
  readonly status: ExitStatus
}

/** Any error as plain data; one that has no code is a fault of ours, and says so. */
export function encodeError(error: unknown, request: string, socket: string): WireError {
  const known = error instanceof IpcsupError ? error : wrapUnknown(error, request, socket)
  return { ...known.toJSON(), status: known.status }
}

/** The error again; null when this is none. */
export function decodeError(data: unknown): IpcsupError | null {
  const { code, message } = (data ?? {}) as Partial<WireError>
  const isKnown = errorCodes.some(known => known === code) && typeof message === 'string'
  return isKnown ? IpcsupError.from({ code: code!, message }) : null
}

function wrapUnknown(error: unknown, request: string, socket: string): IpcsupError {
  const why = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return new IpcsupError('IPCSUP_ERR_CONTROL', { socket, request, why }, { cause: error })
}
