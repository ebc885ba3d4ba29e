import { BACKEND } from '../messages/backend.js'
import { readErrorFields } from '../messages/error-fields.js'
import type { Message } from '../messages/message-reader.js'
import { FatalError } from '../messages/sql-error.js'
import { UpstreamError } from '../messages/upstream-error.js'
import { TYPE } from '../messages/values.js'
import * as send from './frontend-messages.js'
import { readRow } from './read-description.js'
import { explainSql } from './passing-sql.js'
import type { ShortCheckouts } from './short-checkouts.js'

/**
 * Looks up the secret of a user at the upstream, with a statement in the form of PgBouncer's `auth_query`: `$1` is the name, and
 * the row has the name and the secret.
 */
export class AuthQuery {
  readonly #leases: ShortCheckouts
  readonly #text: string
  readonly #report: (message: string) => void

  constructor(leases: ShortCheckouts, text: string, report: (message: string) => void) {
    this.#leases = leases
    this.#text = text
    this.#report = report
  }

  /**
   * What is wrong with the statement; null if nothing is. It is planned and not run, because it may call any function: so its
   * names, its form and the rights of the front are checked.
   *
   * @throws {SqlError} the upstream did not answer
   */
  async check(): Promise<string | null> {
    if (!this.#text.includes('$1')) return 'it must use $1, the name of the user'
    const answers: Message[] = []
    const values = { portal: '', formats: [], values: [Buffer.from('')], resultFormats: [] }
    const messages = [
      send.parse(this.#text, [TYPE.text]),
      send.describeStatement(),
      ...explained(this.#text, values),
    ]
    try {
      await this.#leases.with((connection) =>
        connection.ask(Buffer.concat(messages), BACKEND.readyForQuery, (message) => {
          if (DESCRIPTIONS.has(message.type)) answers.push({ ...message, body: Buffer.from(message.body) })
        }),
      )
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error
      return inWords(error)
    }
    const columns = answers.find(({ type }) => type === BACKEND.rowDescription)?.body.readUInt16BE(0) ?? 0
    return columns < 2 ? 'its row must have two columns: the name and the secret' : null
  }

  /** Null for a name that the statement does not find. @throws {FatalError} the upstream did not answer as expected */
  readonly secretOf = async (name: string): Promise<string | null> => {
    const rows: (string | null)[][] = []
    const values = { portal: '', formats: [], values: [Buffer.from(name)], resultFormats: [] }
    // A limit of two rows is enough to notice that there is more than one.
    const messages = [send.parse(this.#text, [TYPE.text]), send.bind(values), send.execute('', 2), send.SYNC]
    try {
      await this.#leases.with((connection) =>
        connection.ask(Buffer.concat(messages), BACKEND.readyForQuery, ({ type, body }) => {
          if (type === BACKEND.dataRow) rows.push(readRow(body))
        }),
      )
    } catch (error) {
      // The client gets no details, because they may show the statement.
      this.#report(`--auth-query failed: ${inWords(error)}`)
      throw new FatalError('58000', 'users cannot be looked up at this moment', { cause: error })
    }
    const [row] = rows
    return row === undefined || rows.length > 1 ? null : (row[1] ?? null)
  }
}

/** The statement itself, before the plan of it. */
const DESCRIPTIONS: ReadonlySet<number> = new Set([BACKEND.rowDescription])

function explained(text: string, values: send.BoundValues): Buffer[] {
  return [send.parse(explainSql(text), [TYPE.text]), send.bind(values), send.execute('', 1), send.SYNC]
}

function inWords(error: unknown): string {
  if (!(error instanceof UpstreamError)) return (error as Error).message
  return readErrorFields(error.bytes).find(([letter]) => letter === 'M')?.[1] ?? error.message
}
