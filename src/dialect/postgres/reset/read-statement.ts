import { BEFORE_PARENTHESIS, OF_TRANSACTIONS, PLAIN_BEGINNINGS, PLAIN_FUNCTIONS } from './harmless-words.js'

/** What the text of a statement tells of what it may leave behind. */
export interface Reading {
  /**
   * Every name in it, if it leaves nothing by itself: a single statement of a usual kind, which calls functions of the
   * server's own and no others. What is behind its names is another matter: a table can have triggers, a view calls what it
   * likes. Null if anything may be left.
   */
  readonly names: readonly string[] | null
  /** Whether rows are written, so that triggers may run. */
  readonly isWriting: boolean
}

export const UNREADABLE: Reading = { names: null, isWriting: true }

type Kind = 'word' | 'quoted' | 'value' | 'other'

interface Token {
  readonly kind: Kind
  readonly text: string
}

/** One token, or space, or a comment; everything else is not understood, and that is an answer as well. */
const TOKEN =
  /(?<space>[ \t\r\n\f]+|--[^\r\n]*)|(?<word>[A-Za-z_][A-Za-z0-9_]*)|"(?<quoted>(?:[^"]|"")+)"|(?<value>\$\d+|\d[\w.]*|'(?:[^']|'')*')|(?<other>::|[-+*/<>=~!@#%^&|`?:(),;.[\]])/y

/** In these, text does not mean what it seems to: escapes, dollar quotes, letters of other alphabets in names. */
const OBSCURE = /\\|\$(?!\d)|\b[uU]&|[^\p{ASCII}]/u

/** NAMEDATALEN - 1: the server cuts off what is longer, and then it is another name. */
const LONGEST_NAME = 63

const WRITING: ReadonlySet<string> = new Set(['insert', 'update', 'delete', 'merge'])

/** A few microseconds for a usual statement, so it is done once for each text. */
export function readStatement(text: string): Reading {
  const tokens = tokensOf(text)
  if (tokens === null) return UNREADABLE
  const [first] = tokens
  if (first?.kind !== 'word' || !(PLAIN_BEGINNINGS.has(first.text) || OF_TRANSACTIONS.has(first.text)))
    return UNREADABLE
  const isOfTransaction = OF_TRANSACTIONS.has(first.text)
  const names = new Set<string>()
  let isWriting = false
  for (let i = 0; i < tokens.length; i++) {
    if (!isPlain(tokens, i)) return UNREADABLE
    const { kind, text: name } = tokens[i]!
    if (kind === 'other' || kind === 'value' || isOfTransaction) continue
    if (name.length > LONGEST_NAME) return UNREADABLE
    names.add(name)
    // FOR UPDATE and FOR NO KEY UPDATE write nothing.
    if (kind === 'word' && WRITING.has(name) && !['for', 'key'].includes(tokens[i - 1]?.text ?? ''))
      isWriting = true
  }
  // An update of this view is a setting.
  if (isWriting && names.has('pg_settings')) return UNREADABLE
  return { names: [...names], isWriting }
}

function isPlain(tokens: readonly Token[], i: number): boolean {
  const { kind, text } = tokens[i]!
  if (kind === 'other') return text !== '(' || callsNothing(tokens, i - 1)
  if (kind !== 'word') return true
  // SELECT INTO makes a table; PREPARE TRANSACTION and COMMIT PREPARED are another's business.
  if (text === 'into') return ['insert', 'merge'].includes(tokens[i - 1]?.text ?? '')
  return text !== 'prepared' && text !== 'prepare'
}

/** Whether the parenthesis behind the token calls a function that may leave something. */
function callsNothing(tokens: readonly Token[], last: number): boolean {
  const name = tokens[last]
  if (name === undefined || name.kind === 'other' || name.kind === 'value') return true
  if (name.kind === 'word' && name.text === 'operator') return tokens[last + 2]?.text === 'pg_catalog'
  if (name.kind === 'word' && !isQualified(tokens, last)) {
    if (BEFORE_PARENTHESIS.has(name.text) || PLAIN_FUNCTIONS.has(name.text)) return true
  }
  const first = startOf(tokens, last)
  const isOfServer = first === last - 2 && tokens[first]!.text === 'pg_catalog'
  if (isOfServer && PLAIN_FUNCTIONS.has(name.text)) return true
  // The columns of a table that is written to, or of an alias.
  return ['into', 'as'].includes(tokens[first - 1]?.text ?? '') && tokens[first - 1]!.kind === 'word'
}

function isQualified(tokens: readonly Token[], last: number): boolean {
  return tokens[last - 1]?.text === '.'
}

/** Where a name that ends here begins: with its schema. */
function startOf(tokens: readonly Token[], last: number): number {
  let first = last
  while (isQualified(tokens, first) && first >= 2) first -= 2
  return first
}

/** Null if it is not one statement whose tokens are beyond doubt. */
function tokensOf(text: string): Token[] | null {
  if (OBSCURE.test(text)) return null
  const tokens: Token[] = []
  let isOver = false
  for (let at = 0; at < text.length;) {
    const comment = text.startsWith('/*', at) ? endOfComment(text, at) : at
    if (comment < 0) return null
    if (comment > at) {
      at = comment
      continue
    }
    TOKEN.lastIndex = at
    const groups = TOKEN.exec(text)?.groups
    if (groups === undefined) return null
    at = TOKEN.lastIndex
    if (groups['space'] !== undefined) continue
    // Behind a semicolon there may be space, and nothing else.
    if (isOver) return null
    const token = tokenOf(groups)
    if (token.text === ';') isOver = true
    else tokens.push(token)
  }
  return tokens
}

function tokenOf(groups: Readonly<Record<string, string | undefined>>): Token {
  const { word, quoted, value } = groups
  if (word !== undefined) return { kind: 'word', text: word.toLowerCase() }
  if (quoted !== undefined) return { kind: 'quoted', text: quoted.replaceAll('""', '"') }
  return value === undefined ? { kind: 'other', text: groups['other']! } : { kind: 'value', text: '' }
}

/** Comments nest. Where the one ends that begins here; -1 if it does not. */
function endOfComment(text: string, from: number): number {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    if (text.startsWith('/*', at)) {
      depth++
      at++
    } else if (text.startsWith('*/', at)) {
      depth--
      at++
      if (depth === 0) return at + 1
    }
  }
  return -1
}
