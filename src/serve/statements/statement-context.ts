import type { LockOwner } from '../locks/lock-owner.js'
import type { WaitLimits } from '../locks/lock-source.js'
import type { PermitOwner } from '../locks/own-calls.js'
import type { Value } from '../messages/values.js'
import type { SessionFunction } from '../sql/statement.js'
import type { Evaluate } from '../prepared/arguments.js'
import type { PreparedStatements } from '../prepared/prepared-statements.js'
import type { Settings } from '../client/client-settings.js'
import type { Transaction } from '../client/transaction.js'

/** The parts of one client that a statement uses. */
export interface StatementContext {
  readonly locks: LockOwner
  readonly permits: PermitOwner
  readonly settings: Settings
  readonly transaction: Transaction
  readonly prepared: PreparedStatements
  evaluate(...parts: Parameters<Evaluate>): ReturnType<Evaluate>
  /** The rest of the client's time limits. */
  waitLimits(): WaitLimits
  sessionFunction(name: SessionFunction): Value
  /** Sets a setting and returns its new value, like `set_config`. */
  setConfig(name: string, value: string | null, isLocal: boolean): Value | Promise<Value>
}
