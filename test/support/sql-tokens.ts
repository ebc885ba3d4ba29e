/** A token of SQL, with the facts that tell kinds of names apart. */
export interface Token {
  readonly kind: 'word' | 'quoted' | 'string' | 'number' | 'parameter' | 'operator' | 'mark'
  /** Words in lower case. Quoted text without its quotes. */
  readonly text: string
  /** The number of parentheses that are open around the token. */
  readonly depth: number
}

/** The kinds, in the order in which they are tried. Comments and white space are no tokens. */
const KINDS: readonly (readonly [Token['kind'] | null, RegExp])[] = [
  [null, /\s+|--[^\n]*|\/\*[\s\S]*?\*\//y],
  ['string', /E?'(?:[^']|'')*'/y],
  ['string', /\$\$[\s\S]*?\$\$/y],
  ['quoted', /"(?:[^"]|"")*"/y],
  ['parameter', /\$\d+/y],
  ['number', /\d+(?:\.\d+)?/y],
  ['word', /[A-Za-z_]\w*/y],
  ['mark', /::|[(),;.[\]]/y],
  ['operator', /[-+*/<>=~!@#%^&|`?:]+/y],
]

export function tokensOf(sql: string): Token[] {
  const tokens: Token[] = []
  let depth = 0
  for (let at = 0; at < sql.length;) {
    const [kind, found] = nextIn(sql, at)
    at += found.length
    if (kind === null) continue
    if (found === ')') depth--
    tokens.push({ kind, text: plain(kind, found), depth })
    if (found === '(') depth++
  }
  return tokens
}

function nextIn(sql: string, at: number): [Token['kind'] | null, string] {
  for (const [kind, pattern] of KINDS) {
    pattern.lastIndex = at
    const found = pattern.exec(sql)?.[0]
    if (found !== undefined) return [kind, found]
  }
  throw new Error(`no token of SQL: ${sql.slice(at, at + 20)}`)
}

function plain(kind: Token['kind'], found: string): string {
  if (kind === 'word') return found.toLowerCase()
  if (kind === 'quoted') return found.slice(1, -1)
  if (kind !== 'string') return found
  return found.startsWith('$$') ? found.slice(2, -2) : found.slice(found.indexOf("'") + 1, -1)
}
