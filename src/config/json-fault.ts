/**
 * Where a text stops being JSON. V8's message says it only for some faults, and differently in each version of Node.
 *
 * @param text - one that `JSON.parse` refuses
 * @returns index of the first character that does not fit; the length of the text when it ends too early
 */
export function findJsonFault(text: string): number {
  const open: ('{' | '[')[] = []
  let expected: keyof typeof follows = 'value'
  let at = skipSpace(text, 0)
  while (at < text.length) {
    const token = readToken(text, at)
    const kind = token === null ? null : kindOf(token)
    if (kind === null || !follows[expected].includes(kind)) return at
    if (kind === '{' || kind === '[') open.push(kind)
    if (kind === '}' || kind === ']') {
      const opener = open.pop()
      if (opener !== (kind === '}' ? '{' : '[')) return at
    }
    expected = nextExpected(kind, expected, open.at(-1))
    at = skipSpace(text, at + token!.length)
  }
  return at
}

type TokenKind = '{' | '}' | '[' | ']' | ',' | ':' | 'string' | 'scalar'

const valueStart = ['{', '[', 'string', 'scalar'] as const

/** What may come, by what is expected. */
const follows = {
  value: valueStart,
  'value or end': [...valueStart, ']'],
  key: ['string'],
  'key or end': ['string', '}'],
  colon: [':'],
  'comma or end': [',', '}', ']'],
  nothing: [],
} as const satisfies Record<string, readonly TokenKind[]> as Readonly<
  Record<'value' | 'value or end' | 'key' | 'key or end' | 'colon' | 'comma or end' | 'nothing', readonly TokenKind[]>
>

function nextExpected(
  kind: TokenKind,
  expected: keyof typeof follows,
  opener: '{' | '[' | undefined,
): keyof typeof follows {
  if (kind === '{') return 'key or end'
  if (kind === '[') return 'value or end'
  if (kind === ':') return 'value'
  if (kind === ',') return opener === '{' ? 'key' : 'value'
  if (expected === 'key' || expected === 'key or end') {
    if (kind === 'string') return 'colon'
  }
  return opener === undefined ? 'nothing' : 'comma or end'
}

function kindOf(token: string): TokenKind {
  if (token.startsWith('"')) return 'string'
  return '{}[],:'.includes(token) ? (token as TokenKind) : 'scalar'
}

function readToken(text: string, at: number): string | null {
  const token =
    /[{}[\],:]|true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
  token.lastIndex = at
  return token.exec(text)?.[0] ?? null
}

function skipSpace(text: string, at: number): number {
  const space = /[ \t\r\n]*/y
  space.lastIndex = at
  return at + space.exec(text)![0].length
}
