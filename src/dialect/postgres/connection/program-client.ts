import { InvalidOptionError, TransactionFailedError } from '../../../base/errors.js'
import { show } from '../../../base/options.js'
import type { QueryResult } from '../../queryable.js'

/**
 * A client that belongs to the program and has an open transaction. It is a client of `pg`, or has the same `query`.
 */
export interface ProgramClient {
  /** Sends one statement with its values. */
  query(text: string, values?: unknown[]): Promise<Pick<QueryResult, 'rows'>>
  /**
   * The transaction status in the last answer. `I` means idle, outside of any transaction. Clients of `pg` have this
   * method.
   */
  getTransactionStatus?(): string | null
}

/**
 * Runs one statement in the program's transaction and returns its rows. Errors of the statement are thrown unchanged.
 *
 * @throws {InvalidOptionError} `client` is not such a client, or its answer has no rows
 */
export async function askProgramClient(
  client: ProgramClient,
  text: string,
  values: unknown[],
): Promise<readonly unknown[]> {
  checkClient(client)
  const answer: unknown = await client.query(text, values)
  const rows = (answer as Partial<QueryResult> | null | undefined)?.rows
  if (!Array.isArray(rows)) {
    throw new InvalidOptionError([
      `"client" must answer like a client of pg, with an object that has "rows"; its query resolved to ${show(answer)}`,
    ])
  }
  return rows
}

/**
 * @throws {TransactionFailedError} the client reports that no transaction is open, so the lock of the statement has
 * ended already
 */
export function assertTransactionOpen(client: ProgramClient, call: string): void {
  if (client.getTransactionStatus?.() !== 'I') return
  throw new TransactionFailedError(`${call} needs an open transaction: what it locked is free again`, false)
}

/** Refuses pools. A pool sends each statement on any free connection, so the lock would end before the call returns. */
function checkClient(client: ProgramClient): void {
  const problem =
    typeof (client as Partial<ProgramClient> | null | undefined)?.query !== 'function'
      ? `must be a client with a transaction open, got ${show(client)}`
      : 'totalCount' in client && 'idleCount' in client
        ? 'is a pool: it must be the client that has the transaction open'
        : null
  if (problem !== null) throw new InvalidOptionError([`"client" ${problem}`])
}
