import { InvalidOptionError, TransactionFailedError } from '../../../base/errors.js'
import { show } from '../../../base/options.js'
import type { QueryResult } from '../../queryable.js'

/** A client of the program, of `pg` or with the same `query`, that has a transaction open. */
export interface ProgramClient {
  /** Sends one statement with its values. */
  query(text: string, values?: unknown[]): Promise<Pick<QueryResult, 'rows'>>
  /** By the last answer: `I` is idle, outside of any transaction. Clients of `pg` have it. */
  getTransactionStatus?(): string | null
}

/**
 * The rows of one statement in the transaction of the program. Errors of the statement are thrown unchanged.
 *
 * @throws {InvalidOptionError} it is no such client, or it does not answer as one
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

/** @throws {TransactionFailedError} no transaction is open, as far as the client knows: what the statement locked is free again */
export function assertTransactionOpen(client: ProgramClient, call: string): void {
  if (client.getTransactionStatus?.() !== 'I') return
  throw new TransactionFailedError(`${call} needs an open transaction: what it locked is free again`, false)
}

/** A pool sends each statement on any free connection: the lock would have ended before the call returns. */
function checkClient(client: ProgramClient): void {
  const problem =
    typeof (client as Partial<ProgramClient> | null | undefined)?.query !== 'function'
      ? `must be a client with a transaction open, got ${show(client)}`
      : 'totalCount' in client && 'idleCount' in client
        ? 'is a pool: it must be the client that has the transaction open'
        : null
  if (problem !== null) throw new InvalidOptionError([`"client" ${problem}`])
}
