import type { Cancel } from '../../base/clock.js'
import type { SqlError } from '../messages/sql-error.js'
import type { Evaluation } from '../sql/statement.js'
import type { Bound } from '../prepared/bound.js'

/** Runs one client's statements at the upstream. The client gets the upstream's answers as they arrive. */
export interface Passing {
  /** Whether the client waits for a connection, and whether it has one. */
  readonly isAwaited: boolean
  readonly hasConnection: boolean
  /** Whether a statement runs on its connection, or something is open there for which others may wait. */
  readonly isInUse: boolean
  /** The pid of the server's backend, as far as it is known. */
  readonly backend: number | null
  /** The number of the statement that runs there. */
  readonly running: number | null

  /**
   * The client begins to wait for a lock. If it is in use at the upstream, it may be part of a deadlock: then `refuse` is called,
   * unless the returned function has been called before. Null if it can't be.
   */
  watchWait(refuse: (error: SqlError) => void): Cancel | null

  /** Whether a transaction or a portal is open there: then no other client can use the connection. */
  readonly isHeld: boolean

  /** From now on, the client keeps its connection. */
  pin(): void

  /** The next statements are parts of a query string that is not passed on as a whole: they get one transaction. */
  enterGroup(): Promise<void>

  /** Runs a query string, and forwards its whole answer except ReadyForQuery. @throws {UpstreamError} {SqlError} */
  query(text: string): Promise<void>

  /** The statement that rolls a transaction back there. */
  readonly rollback: string

  /** Does the same as `query`, for a command whose answer the client gets from other code. */
  command(text: string): Promise<void>

  /** The types of a statement's parameters, and the description of its rows, unchanged; null without rows. */
  describe(text: string, declared: readonly number[]): Promise<Description>

  /** Binds values to a statement, under the portal's name. */
  bind(text: string, declared: readonly number[], bound: Bound): Promise<void>
  describePortal(portal: string): Promise<void>
  execute(portal: string, maxRows: number): Promise<void>
  closePortal(portal: string): Promise<void>

  /** The values of a `SELECT` of one row, as text. */
  evaluate(evaluation: Evaluation, bound: Bound): Promise<readonly (string | null)[]>

  /** The client's Sync: ends a transaction without BEGIN. */
  sync(): Promise<void>

  /** The client's group has failed here: undoes what it did there without BEGIN. */
  fail(): Promise<void>

  /** Cancels the running statement there. */
  cancel(): void

  /** The client has gone, and its transaction has ended. */
  close(): void
}

export interface Description {
  readonly types: readonly number[]
  readonly rows: Buffer | null
}

/** Evaluates expressions of lock statements, also if other statements are refused. */
export interface Evaluator {
  /** The values of a `SELECT` of one row, as text. */
  evaluate(evaluation: Evaluation, bound: Bound): Promise<readonly (string | null)[]>
  parameterTypes(text: string, declared: readonly number[]): Promise<readonly number[]>
}
