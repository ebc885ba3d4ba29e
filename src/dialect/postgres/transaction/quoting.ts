import pg from 'pg'
import { InvalidOptionError } from '../../../base/errors.js'
import { show } from '../../../base/options.js'
import { checkValue, checkWhere, tableParts } from '../../row-choice.js'

/** NAMEDATALEN - 1. The server truncates longer names and would lock another table. */
const MAX_IDENTIFIER_BYTES = 63

/**
 * Quotes a name so that nothing in it is SQL. `orders` and `sales.orders` (schema and table) are matched exactly: a
 * table that was created as `Orders` without quotes is called `orders`.
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

/** Conditions that must all be true, and the values of their parameters. */
export interface Condition {
  readonly terms: readonly string[]
  readonly values: unknown[]
}

/**
 * Requires every column to equal its value: `null` means IS NULL, an array means any of its elements. No columns at all
 * means every row. `schemas` has, by column, the schemas of `=` operators that are not built in.
 *
 * @throws {InvalidOptionError} above all for `undefined`, which would otherwise lock more rows than intended
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

/** Quotes a text as a constant. */
export function quoteLiteral(text: string): string {
  return pg.escapeLiteral(text)
}
