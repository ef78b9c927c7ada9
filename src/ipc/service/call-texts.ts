/** What lines say of calls. */
import { isSmallInteger } from './line-bytes.js'
import { encodeArguments, refuseEncoding } from './values.js'
import { isTooLong } from './wire.js'

/** JSON, or numbers that need no text before they are written. */
export type EncodedArguments = string | readonly number[]

/** `every` passes over holes. */
function areSmallIntegers(args: readonly unknown[]): args is readonly number[] {
  for (let index = 0; index < args.length; index++) if (!isSmallInteger(args[index])) return false
  return true
}

export class CallTexts {
  readonly #service: string
  /** Names of methods as JSON has them. */
  readonly #names = new Map<string, string>()

  /** @param service - for messages */
  constructor(service: string) {
    this.#service = service
  }

  /**
   * The arguments, such as `[10,20]`.
   *
   * @throws IpcsupError `IPCSUP_ERR_CALL_ENCODING`
   */
  encode(method: string, args: readonly unknown[]): EncodedArguments {
    if (areSmallIntegers(args)) return args.slice()
    try {
      const text = encodeArguments(args)
      // The instance would hang up on all calls of this connection, and this one would be made again and again.
      if (isTooLong(text)) throw new Error('its arguments are more than a line takes')
      return text
    } catch (error) {
      throw refuseEncoding(`"${this.#service}.${method}" cannot be called`, error)
    }
  }

  /** Such as `"add"`. */
  quote(method: string): string {
    let name = this.#names.get(method)
    if (name === undefined) {
      name = JSON.stringify(method)
      this.#names.set(method, name)
    }
    return name
  }
}
