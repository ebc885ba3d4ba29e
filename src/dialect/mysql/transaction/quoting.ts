import { InvalidOptionError } from '../../../base/errors.js'
import { show } from '../../../base/options.js'
import { checkValue, checkWhere, tableParts } from '../../row-choice.js'

const MAX_IDENTIFIER = 64

/**
 * Quotes `orders` or `sales.orders` (database and table) so that nothing in the name is SQL.
 *
 * @throws {InvalidOptionError}
 */
export function quoteTable(table: string): string {
  return tableParts(table, 'database').map(quoteIdentifier).join('.')
}

function quoteIdentifier(name: string): string {
  if (name === '' || name.includes('\0') || name.length > MAX_IDENTIFIER)
    throw new InvalidOptionError([
      `a name has 1 to ${MAX_IDENTIFIER} characters without NUL, got ${show(name)}`,
    ])
  return `\`${name.replaceAll('`', '``')}\``
}

/** Conditions that must all be true, and the values of their parameters. */
export interface Condition {
  readonly terms: readonly string[]
  readonly values: readonly unknown[]
}

/**
 * Requires every column to equal its value: `null` means IS NULL, an array means any of its elements. No columns at all
 * means every row.
 *
 * @throws {InvalidOptionError} above all for `undefined`, which would otherwise lock more rows than intended
 */
export function whereAll(where: Readonly<Record<string, unknown>>): Condition {
  checkWhere(where)
  const values: unknown[] = []
  const terms = Object.entries(where).map(([column, value]) => {
    const name = quoteIdentifier(column)
    checkValue(column, value)
    if (value === null) return `${name} IS NULL`
    if (!Array.isArray(value)) {
      values.push(plain(column, value))
      return `${name} = ?`
    }
    values.push(...value.map((each) => plain(column, each)))
    return value.length === 0 ? 'FALSE' : `${name} IN (${value.map(() => '?').join(', ')})`
  })
  return { terms, values }
}

/** Refuses objects, because the driver would insert them into the statement as SQL. */
function plain(column: string, value: unknown): unknown {
  const isPlain =
    typeof value !== 'object' || value === null || value instanceof Date || Buffer.isBuffer(value)
  if (isPlain && value !== undefined) return value
  throw new InvalidOptionError([`"where" has no usable value for ${show(column)}: ${show(value)}`])
}
