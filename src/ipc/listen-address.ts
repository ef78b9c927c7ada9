/** Addresses of listening sockets, as a config says them. */

export interface ListenAddress {
  /** A literal address without brackets; of IPv6 it may end in `%eth0`. null: every address of this machine. */
  readonly host: string | null
  readonly port: number
}

/** `host:port`, `[address]:port`, `[address%interface]:port`, `:port`; null for what is none of these. Names but `localhost` are not looked up. */
export function parseListenAddress(text: string): ListenAddress | null {
  const [, bracketed, plain = '', digits] = /^(?:\[(.*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (digits === undefined || port > 65_535) return null
  if (bracketed !== undefined) return isVersion6(bracketed) ? { host: bracketed, port } : null
  if (plain === '') return { host: null, port }
  if (plain === 'localhost') return { host: '127.0.0.1', port }
  return isVersion4(plain) ? { host: plain, port } : null
}

/** Nobody on another machine reaches it. */
export function isLoopback(listen: string): boolean {
  const host = parseListenAddress(listen)?.host
  return host === '::1' || host?.startsWith('127.') === true
}

/** The kernel says an interface by its number, which means nothing to Node: with a zone the host is as the config has it. */
export function keepZone(host: string | null): { readonly host?: string } {
  return host?.includes('%') ? { host } : {}
}

/** What is wrong with an address that `parseListenAddress` does not take, as the end of a sentence. */
export function explainListenAddress(text: string): string {
  const form = "'127.0.0.1:8080', '[::1]:8080', ':8080' for every address of this machine, port 0 for any free one"
  const got = `got ${JSON.stringify(text)}`
  if (isVersion6(text.replace(/:\d+$/, ''))) return `must have brackets around an address of IPv6, ${got}: ${form}.`
  const [, host] = /^([^:[\]]+):\d+$/.exec(text) ?? []
  if (host !== undefined && !/^[\d.]+$/.test(host))
    return `names the host ${JSON.stringify(host)}, and names are not looked up. Give a numeric address or localhost: ${form}.`
  return `must be an address and a port of 0 to 65535, ${got}: ${form}.`
}

function isVersion4(text: string): boolean {
  const parts = text.split('.')
  return parts.length === 4 && parts.every(part => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)
}

function isVersion6(text: string): boolean {
  const [, address = ''] = /^([\da-fA-F:.]+)(?:%[^%/\s]+)?$/.exec(text) ?? []
  return address.includes(':') && URL.canParse(`http://[${address}]`)
}
