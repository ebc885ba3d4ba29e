import { BACKEND } from '../messages/backend.js'
import { SqlError } from '../messages/sql-error.js'
import type { Bound } from '../session/bound.js'
import type { Evaluator } from '../session/passing.js'
import type { Evaluation } from '../sql/statement.js'
import * as send from './frontend-messages.js'
import { readDescription, readRow } from './read-description.js'
import type { Message } from '../messages/message-reader.js'
import type { UpstreamConnection } from './upstream-connection.js'
import type { UpstreamSource } from './upstream-source.js'

/** Has the upstream evaluate the arguments of lock functions: `hashtext('invoice 4711')`. */
export class UpstreamEvaluator implements Evaluator {
  readonly #source: UpstreamSource
  readonly #closing: AbortSignal

  constructor(source: UpstreamSource, closing: AbortSignal) {
    this.#source = source
    this.#closing = closing
  }

  async evaluate({ text, parameters }: Evaluation, bound: Bound): Promise<readonly (string | null)[]> {
    const count = Math.max(0, ...parameters)
    const { message, types } = bound
    const isUsed = (at: number): boolean => parameters.includes(at + 1)
    const values = (message?.values ?? []).slice(0, count).map((value, at) => (isUsed(at) ? value : null))
    const formats = message?.formats ?? []
    const given = formats.length > 1 ? formats.slice(0, count) : formats
    const rows: (string | null)[][] = []
    await this.#with((connection) =>
      connection.ask(
        Buffer.concat([
          send.parse(text, types.slice(0, count)),
          send.bind({ portal: '', formats: given, values, resultFormats: [] }),
          send.execute('', 2),
          send.SYNC,
        ]),
        BACKEND.readyForQuery,
        ({ type, body }) => {
          if (type === BACKEND.dataRow) rows.push(readRow(body))
        },
      ),
    )
    if (rows.length !== 1) throw new SqlError('0A000', 'the arguments of a lock function are not one row')
    return rows[0]!
  }

  async parameterTypes(text: string, declared: readonly number[]): Promise<readonly number[]> {
    const answers: Message[] = []
    const messages = [send.parse(text, declared), send.describeStatement(), send.SYNC]
    await this.#with((connection) =>
      connection.ask(Buffer.concat(messages), BACKEND.readyForQuery, (message) => {
        answers.push({ ...message, body: Buffer.from(message.body) })
      }),
    )
    return readDescription(answers).types
  }

  async #with(use: (connection: UpstreamConnection) => Promise<void>): Promise<void> {
    const lease = await this.#source.lease(this.#closing)
    const { connection } = lease
    try {
      await use(connection)
    } finally {
      lease.release(connection.hasEnded || connection.isBusy || connection.status !== 'I')
    }
  }
}
