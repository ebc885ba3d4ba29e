import { BACKEND } from '../messages/backend.js'
import type { Message } from '../messages/message-reader.js'
import type { Bound } from '../prepared/bound.js'
import type { Evaluator } from './passing.js'
import type { Evaluation } from '../sql/statement.js'
import { evaluationMessages, OneRow } from './evaluation.js'
import * as send from './frontend-messages.js'
import { readDescription } from './read-description.js'
import type { ShortCheckouts } from './short-checkouts.js'

/** Lets the upstream evaluate the arguments of lock functions, such as `hashtext('invoice 4711')`. */
export class UpstreamEvaluator implements Evaluator {
  readonly #leases: ShortCheckouts

  constructor(leases: ShortCheckouts) {
    this.#leases = leases
  }

  async evaluate(evaluation: Evaluation, bound: Bound): Promise<readonly (string | null)[]> {
    const rows = new OneRow()
    const messages = [...evaluationMessages(evaluation, bound), send.SYNC]
    await this.#leases.with((connection) =>
      connection.ask(Buffer.concat(messages), BACKEND.readyForQuery, rows.hear),
    )
    return rows.only
  }

  async parameterTypes(text: string, declared: readonly number[]): Promise<readonly number[]> {
    const answers: Message[] = []
    const messages = [send.parse(text, declared), send.describeStatement(), send.SYNC]
    await this.#leases.with((connection) =>
      connection.ask(Buffer.concat(messages), BACKEND.readyForQuery, (message) => {
        answers.push({ ...message, body: Buffer.from(message.body) })
      }),
    )
    return readDescription(answers).types
  }
}
