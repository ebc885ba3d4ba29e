import { BEFORE_PARENTHESIS, OF_TRANSACTIONS, PLAIN_BEGINNINGS, PLAIN_FUNCTIONS } from './harmless-words.js'

/** What the text of a statement shows about the state that it may leave. */
export interface Reading {
  /**
   * All names in the statement, if it leaves nothing by itself: it is a single statement of a common kind and calls
   * only harmless functions of the server. The names may still reach other code: a table can have triggers, and a view
   * can call any function. Null if the statement may leave anything.
   */
  readonly names: readonly string[] | null
  /** Whether the statement writes rows, so that triggers may run. */
  readonly isWriting: boolean
}

export const UNREADABLE: Reading = { names: null, isWriting: true }

type Kind = 'word' | 'quoted' | 'value' | 'other'

interface Token {
  readonly kind: Kind
  readonly text: string
}

/**
 * One token, or white space, or a comment. Text that does not match is not understood, and then the statement counts as
 * unreadable.
 */
const TOKEN =
  /(?<space>[ \t\r\n\f]+|--[^\r\n]*)|(?<word>[A-Za-z_][A-Za-z0-9_]*)|"(?<quoted>(?:[^"]|"")+)"|(?<value>\$\d+|\d[\w.]*|'(?:[^']|'')*')|(?<other>::|[-+*/<>=~!@#%^&|`?:(),;.[\]])/y

/** Text that does not mean what it seems to: escapes, dollar quotes, names with non-ASCII letters. */
const OBSCURE = /\\|\$(?!\d)|\b[uU]&|[^\p{ASCII}]/u

/** NAMEDATALEN - 1. The server truncates longer names, which makes them other names. */
const LONGEST_NAME = 63

const WRITING: ReadonlySet<string> = new Set(['insert', 'update', 'delete', 'merge'])

/** Takes a few microseconds for a usual statement, so each text is read only once. */
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
  // An update of this view changes a setting.
  if (isWriting && names.has('pg_settings')) return UNREADABLE
  return { names: [...names], isWriting }
}

function isPlain(tokens: readonly Token[], i: number): boolean {
  const { kind, text } = tokens[i]!
  if (kind === 'other') return text !== '(' || callsNothing(tokens, i - 1)
  if (kind !== 'word') return true
  // SELECT INTO creates a table. PREPARE TRANSACTION and COMMIT PREPARED leave the transaction to another session.
  if (text === 'into') return ['insert', 'merge'].includes(tokens[i - 1]?.text ?? '')
  return text !== 'prepared' && text !== 'prepare'
}

/** Whether the parenthesis after this token calls nothing, or only a harmless function. */
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
  // The column list of a table that is written to, or of an alias.
  return ['into', 'as'].includes(tokens[first - 1]?.text ?? '') && tokens[first - 1]!.kind === 'word'
}

function isQualified(tokens: readonly Token[], last: number): boolean {
  return tokens[last - 1]?.text === '.'
}

/** The index where the name that ends here begins, including its schema. */
function startOf(tokens: readonly Token[], last: number): number {
  let first = last
  while (isQualified(tokens, first) && first >= 2) first -= 2
  return first
}

/** Returns null unless the text is one statement with unambiguous tokens. */
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
    // Only white space may follow a semicolon.
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

/** Comments nest. Returns the position after the comment that begins here, or -1 if it does not end. */
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
