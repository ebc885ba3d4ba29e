/**
 * Asks the upstream for the values of arguments. The functions around them take exactly what the called function would
 * take: unary plus of PostgreSQL for numbers, and the function behind `||` for text. So implicit casts, inferred types of
 * parameters and the refusal of any other type are PostgreSQL's own.
 */
import type { ArgumentType } from './statement.js'

const AS: Readonly<Record<ArgumentType, (expression: string) => string>> = {
  int8: (expression) => `pg_catalog.int8up(${expression})`,
  int4: (expression) => `pg_catalog.int4up(${expression})`,
  text: (expression) => `pg_catalog.textcat(${expression}, '')`,
}

export const evaluationSql = (
  values: readonly { readonly type: ArgumentType; readonly text: string }[],
): string => `SELECT ${values.map(({ type, text }) => AS[type](text)).join(', ')}`
