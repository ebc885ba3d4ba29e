/**
 * Asks the upstream for the values of arguments. Each argument is inside a function that accepts exactly the types that the
 * called function accepts: PostgreSQL's unary plus for numbers, and the function of `||` for text. So PostgreSQL itself
 * applies implicit casts, infers types of parameters, and refuses other types.
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
