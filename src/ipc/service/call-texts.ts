/** What lines say of calls: the part between the id and the key. */
import { encodeArguments, refuseEncoding } from './values.js'
import { isTooLong } from './wire.js'

export class CallTexts {
  readonly #service: string
  /** By method. */
  readonly #prefixes = new Map<string, string>()

  /** @param service - for messages */
  constructor(service: string) {
    this.#service = service
  }

  /**
   * Such as `,"call":"add","args":[10,20]`.
   *
   * @throws IpcsupError `IPCSUP_ERR_CALL_ENCODING`
   */
  of(method: string, args: readonly unknown[]): string {
    try {
      const text = encodeArguments(args)
      // The instance would hang up on all calls of this connection, and this one would be made again and again.
      if (isTooLong(text)) throw new Error('its arguments are more than a line takes')
      return `${this.#prefixOf(method)}${text}`
    } catch (error) {
      throw refuseEncoding(`"${this.#service}.${method}" cannot be called`, error)
    }
  }

  #prefixOf(method: string): string {
    let prefix = this.#prefixes.get(method)
    if (prefix === undefined) {
      prefix = `,"call":${JSON.stringify(method)},"args":`
      this.#prefixes.set(method, prefix)
    }
    return prefix
  }
}
