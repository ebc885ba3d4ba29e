import type { Clock } from '../../base/clock.js'
import { BACKEND } from '../messages/backend.js'
import { FatalError, SqlError } from '../messages/sql-error.js'
import type { Bound } from '../session/bound.js'
import type { Evaluator } from '../session/passing.js'
import type { Evaluation } from '../sql/statement.js'
import { evaluationMessages, OneRow } from './evaluation.js'
import * as send from './frontend-messages.js'
import { readDescription } from './read-description.js'
import type { Message } from '../messages/message-reader.js'
import type { UpstreamConnection } from './upstream-connection.js'
import type { UpstreamSource } from './upstream-source.js'

const LIMIT_MS = 10_000

/** Has the upstream evaluate the arguments of lock functions: `hashtext('invoice 4711')`. */
export class UpstreamEvaluator implements Evaluator {
  readonly #source: UpstreamSource
  readonly #clock: Clock
  readonly #closing: AbortSignal

  constructor(source: UpstreamSource, clock: Clock, closing: AbortSignal) {
    this.#clock = clock
    this.#source = source
    this.#closing = closing
  }

  async evaluate(evaluation: Evaluation, bound: Bound): Promise<readonly (string | null)[]> {
    const rows = new OneRow()
    const messages = [...evaluationMessages(evaluation, bound), send.SYNC]
    await this.#with((connection) =>
      connection.ask(Buffer.concat(messages), BACKEND.readyForQuery, rows.hear),
    )
    return rows.only
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
    // An expression only computes. A longer one means that the server does not answer.
    const cancelLimit = this.#clock.after(LIMIT_MS, () => connection.destroy())
    try {
      await use(connection)
    } catch (error) {
      if (!(error instanceof FatalError)) throw error
      // Nothing of the client's was on that connection.
      throw new SqlError('08006', error.message, { cause: error })
    } finally {
      cancelLimit()
      lease.release(connection.hasEnded || connection.isBusy || connection.status !== 'I')
    }
  }
}
