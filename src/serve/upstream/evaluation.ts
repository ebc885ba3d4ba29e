import { BACKEND } from '../messages/backend.js'
import type { Message } from '../messages/message-reader.js'
import { SqlError } from '../messages/sql-error.js'
import type { Bound } from '../prepared/bound.js'
import type { Evaluation } from '../sql/statement.js'
import { bind, execute, parse } from './frontend-messages.js'
import { readRow } from './read-description.js'

/** Parse, Bind and Execute of an evaluation, with the values that it uses. */
export function evaluationMessages({ text, parameters }: Evaluation, { message, types }: Bound): Buffer[] {
  const count = Math.max(0, ...parameters)
  const isUsed = (at: number): boolean => parameters.includes(at + 1)
  const values = (message?.values ?? []).slice(0, count).map((value, at) => (isUsed(at) ? value : null))
  const formats = message?.formats ?? []
  return [
    parse(text, types.slice(0, count)),
    bind({
      portal: '',
      formats: formats.length > 1 ? formats.slice(0, count) : formats,
      values,
      resultFormats: [],
    }),
    // A limit of two rows is enough to notice that there is more than one.
    execute('', 2),
  ]
}

/** Receives the answer to an evaluation. */
export class OneRow {
  readonly #rows: (string | null)[][] = []

  readonly hear = ({ type, body }: Message): void => {
    if (type === BACKEND.dataRow) this.#rows.push(readRow(body))
  }

  /** @throws {SqlError} */
  get only(): readonly (string | null)[] {
    const [row] = this.#rows
    if (row === undefined || this.#rows.length > 1)
      throw new SqlError('0A000', 'the arguments of a lock function are not one row')
    return row
  }
}
