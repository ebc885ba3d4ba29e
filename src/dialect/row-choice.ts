import { InvalidOptionError } from '../base/errors.js'
import { show } from '../base/options.js'

/**
 * Splits a name such as `sales.orders`. `form` says what the part before the dot is.
 *
 * @throws {InvalidOptionError}
 */
export function tableParts(table: string, form: 'schema' | 'database'): string[] {
  if (typeof table !== 'string')
    throw new InvalidOptionError([`a table is named by a string, got ${show(table)}`])
  const parts = table.split('.')
  if (parts.length > 2)
    throw new InvalidOptionError([`a table is "table" or "${form}.table", got ${show(table)}`])
  return parts
}

/** @throws {InvalidOptionError} `where` is not an object */
export function checkWhere(where: unknown): asserts where is object {
  if (typeof where !== 'object' || where === null || Array.isArray(where))
    throw new InvalidOptionError([`"where" must be an object of columns and values, got ${show(where)}`])
}

/** @throws {InvalidOptionError} for `undefined`, which would otherwise lock more rows than intended */
export function checkValue(column: string, value: unknown): void {
  if (value === undefined) throw new InvalidOptionError([`"where" has no value for ${show(column)}`])
}
