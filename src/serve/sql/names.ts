import type { Reader } from './reader.js'

/** Words that cannot be the name of a column without AS, or that continue the expression before them. */
const NOT_BARE = new Set(
  (
    'array as char character create day except fetch filter for from grant group having hour intersect into isnull limit minute month notnull ' +
    'offset on order over overlaps precision returning second to union varying where window with within without year ' +
    'and or is in like ilike similar between not collate at operator escape symmetric asymmetric'
  ).split(' '),
)

/** Words that cannot be names without quotes, because PostgreSQL reserves them. */
const RESERVED = new Set(
  (
    'all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create current_catalog current_date ' +
    'current_role current_time current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign ' +
    'from grant group having in initially intersect into lateral leading limit localtime localtimestamp not null offset on only or order ' +
    'placing primary references returning select session_user some symmetric system_user table then to trailing true union unique user using variadic ' +
    'when where window with'
  ).split(' '),
)

/** Words that can only name functions, types and roles. */
const TYPE_WORDS = new Set(
  (
    'authorization binary collation concurrently cross current_schema freeze full ilike inner is isnull join left ' +
    'like natural notnull outer overlaps right similar tablesample verbose'
  ).split(' '),
)

/** Reads the name of a column: `AS` and any name, or a name that is valid without AS. Null if there is none. */
export function readBareAlias(reader: Reader): string | null {
  if (reader.isWord('as') && isName(reader, 1)) {
    reader.at++
    return reader.name()
  }
  return isName(reader, 0) && !isWordOf(reader, NOT_BARE) ? reader.name() : null
}

/** Reads the alias of a table: like `readBareAlias`, but without reserved words. */
export function readAlias(reader: Reader): string | null {
  const start = reader.at
  reader.word('as')
  const name = readPlainName(reader)
  if (name === null) reader.at = start
  return name
}

/** The name of a savepoint, a cursor or a table. A reserved word needs quotes. */
export function readPlainName(reader: Reader): string | null {
  return isWordOf(reader, TYPE_WORDS) ? null : readUnreserved(reader)
}

/** The value of a setting without quotes. */
export function readUnreserved(reader: Reader): string | null {
  return isWordOf(reader, RESERVED) ? null : reader.name()
}

function isName(reader: Reader, ahead: number): boolean {
  const type = reader.peek(ahead)?.type
  return type === 'word' || type === 'name'
}

function isWordOf(reader: Reader, words: ReadonlySet<string>): boolean {
  const token = reader.peek()
  return token?.type === 'word' && words.has(token.value)
}
