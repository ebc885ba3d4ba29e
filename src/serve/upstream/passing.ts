import type { Evaluation } from '../sql/statement.js'
import type { Bound } from '../prepared/bound.js'

/** How one client's statements reach the upstream. Answers of the upstream go to the client as they come. */
export interface Passing {
  /** Whether the client waits for a connection, and whether it has one. */
  readonly isAwaited: boolean
  readonly hasConnection: boolean

  /** Whether a transaction is open there, or a portal: then the connection can't be given to others. */
  readonly isHeld: boolean

  /** The client keeps its connection there from now on. */
  pin(): void

  /** What comes is a part of a query string that is not passed on as a whole: it gets a transaction. */
  enterGroup(): Promise<void>

  /** Runs a query string, and forwards its whole answer except ReadyForQuery. @throws {UpstreamError} {SqlError} */
  query(text: string): Promise<void>

  /** What ends a transaction there without a trace. */
  readonly rollback: string

  /** Does the same as `query`, for a command whose answer the client gets from other code. */
  command(text: string): Promise<void>

  /** The types of the parameters of a statement, and the description of its rows as it came: null without rows. */
  describe(text: string, declared: readonly number[]): Promise<Description>

  /** Binds values to a statement, under the portal's name. */
  bind(text: string, declared: readonly number[], bound: Bound): Promise<void>
  describePortal(portal: string): Promise<void>
  execute(portal: string, maxRows: number): Promise<void>
  closePortal(portal: string): Promise<void>

  /** The values of a `SELECT` of one row, as text. */
  evaluate(evaluation: Evaluation, bound: Bound): Promise<readonly (string | null)[]>

  /** The client's Sync: ends what had no BEGIN. */
  sync(): Promise<void>

  /** The client's group has failed here: what it did there without BEGIN is undone. */
  fail(): Promise<void>

  /** Ends what is under way there, for a cancel. */
  cancel(): void

  /** The client has gone, and its transaction with it. */
  close(): void
}

export interface Description {
  readonly types: readonly number[]
  readonly rows: Buffer | null
}

/** What is asked of the upstream for lock statements themselves, whether others are passed on or not. */
export interface Evaluator {
  /** The values of a `SELECT` of one row, as text. */
  evaluate(evaluation: Evaluation, bound: Bound): Promise<readonly (string | null)[]>
  parameterTypes(text: string, declared: readonly number[]): Promise<readonly number[]>
}
