import { BACKEND } from '../messages/backend.js'
import { readErrorFields } from '../messages/error-fields.js'
import { FatalError } from '../messages/sql-error.js'
import { UpstreamError } from '../messages/upstream-error.js'
import { TYPE } from '../messages/values.js'
import * as send from './frontend-messages.js'
import { readRow } from './read-description.js'
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

function inWords(error: unknown): string {
  if (!(error instanceof UpstreamError)) return (error as Error).message
  return readErrorFields(error.bytes).find(([letter]) => letter === 'M')?.[1] ?? error.message
}
