import pg from 'pg'
import { InvalidOptionError } from '../../../base/errors.js'
import { show } from '../../../base/options.js'
import { checkValue, checkWhere, tableParts } from '../../row-choice.js'

/** NAMEDATALEN - 1: the server cuts off what is longer, and would take another table than was meant. */
const MAX_IDENTIFIER_BYTES = 63

/**
 * A name as it is, so that nothing in it is SQL. `orders` and `sales.orders` (schema and table) are taken to the letter:
 * a table that was created as `Orders` without quotes is called `orders`.
 *
 * @throws {InvalidOptionError}
 */
export function quoteTable(table: string): string {
  return tableParts(table, 'schema').map(quoteIdentifier).join('.')
}

/** @throws {InvalidOptionError} */
export function quoteIdentifier(name: string): string {
  const isRight = name !== '' && !name.includes('\0') && Buffer.byteLength(name) <= MAX_IDENTIFIER_BYTES
  if (!isRight) {
    throw new InvalidOptionError([
      `a name has 1 to ${MAX_IDENTIFIER_BYTES} bytes without NUL, got ${show(name)}`,
    ])
  }
  return pg.escapeIdentifier(name)
}

/** What is to be true, all of it, and the values for its parameters. */
export interface Condition {
  readonly terms: readonly string[]
  readonly values: unknown[]
}

/**
 * All of them equal: `null` is IS NULL, an array is any of its elements. No columns at all means every row. `schemas` has
 * those of operators that are not the server's own, by column.
 *
 * @throws {InvalidOptionError} above all for `undefined`, which would otherwise lock more rows than were meant.
 */
export function whereAll(
  where: Readonly<Record<string, unknown>>,
  schemas: Readonly<Record<string, string>> = {},
): Condition {
  checkWhere(where)
  const values: unknown[] = []
  const terms = Object.entries(where).map(([column, value]) => {
    const name = quoteIdentifier(column)
    checkValue(column, value)
    if (value === null) return `${name} IS NULL`
    values.push(value)
    const schema = Object.hasOwn(schemas, column) ? quoteIdentifier(schemas[column]!) : 'pg_catalog'
    const place = Array.isArray(value) ? `ANY ($${values.length})` : `$${values.length}`
    return `${name} OPERATOR(${schema}.=) ${place}`
  })
  return { terms, values }
}

/** A text as it is, as a constant. */
export function quoteLiteral(text: string): string {
  return pg.escapeLiteral(text)
}
