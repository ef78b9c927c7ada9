/** What is said to a program that uses an end, or waits for something of it, when it has closed that end itself. */
import { IpcsupError } from '../errors.js'

/** @param noun - what the end is, where the name of its link is not known */
export function closedEnd(link: string | undefined, noun: string): IpcsupError {
  const what = link === undefined ? `The ${noun}` : `The end of link "${link}"`
  return new IpcsupError('IPCSUP_ERR_CLOSED', { what })
}
