import { SqlError } from '../messages/sql-error.js'
import type {
  DiscardStatement,
  NamedStatement,
  ResetStatement,
  SetStatement,
  TransactionStatement,
} from '../sql/statement.js'
import { TAG } from './command-tags-sql.js'
import { done, oneRow, warning, type Outcome } from './outcome.js'
import type { StatementContext } from './statement-context.js'

const NO_TRANSACTION = warning('25P01', 'there is no transaction in progress')
const IN_TRANSACTION = warning('25001', 'there is already a transaction in progress')

/** Applies a transaction command to the client's locks and settings. @throws {SqlError} */
export async function runTransactionCommand(
  statement: TransactionStatement,
  { transaction, prepared }: StatementContext,
): Promise<Outcome> {
  const { action, tag, name, isChained } = statement
  switch (action) {
    case 'begin':
      if (transaction.isBlock) return done(tag, IN_TRANSACTION)
      transaction.open(statement.text)
      return done(tag)
    case 'commit':
    case 'rollback':
      return endTransaction(action, isChained, { transaction, prepared })
    case 'savepoint':
      requireBlock(transaction, TAG.savepoint)
      transaction.savepoint(name!)
      return done(tag)
    case 'release':
      requireBlock(transaction, TAG.releaseSavepoint)
      transaction.release(name!)
      return done(tag)
    case 'rollback-to':
      requireBlock(transaction, TAG.rollbackTo)
      await transaction.rollBackTo(name!)
      return done(tag)
    case 'prepare':
    case 'commit-prepared':
    case 'rollback-prepared':
      throw notOffered('two-phase commit')
  }
}

async function endTransaction(
  action: 'commit' | 'rollback',
  isChained: boolean,
  { transaction, prepared }: Pick<StatementContext, 'transaction' | 'prepared'>,
): Promise<Outcome> {
  const command = action === 'commit' ? TAG.commit : TAG.rollback
  const { isBlock, begunWith } = transaction
  if (!isBlock && isChained)
    throw new SqlError('25P01', `${command} AND CHAIN can only be used in transaction blocks`)
  const isCommit = action === 'commit' && !transaction.hasFailed
  await (isCommit ? transaction.commit() : transaction.rollBack())
  prepared.endPortals()
  if (isChained) transaction.open(begunWith!)
  const tag = isCommit || !isBlock ? command : TAG.rollback
  return isBlock ? done(tag) : done(tag, NO_TRANSACTION)
}

function isolationOf(text: string): string | null {
  const parts = /\bisolation\s+level\s+(serializable|repeatable\s+read|read\s+(?:un)?committed)\b/i.exec(text)
  return parts === null ? null : parts[1]!.toLowerCase().replaceAll(/\s+/g, ' ')
}

function requireBlock({ isBlock }: StatementContext['transaction'], command: string): void {
  if (!isBlock) throw new SqlError('25P01', `${command} can only be used in transaction blocks`)
}

/** Forms of SET that change no setting here, but the upstream, if there is one. */
const FORMS_WITHOUT_SETTING: ReadonlySet<string> = new Set([
  'transaction',
  'session_characteristics',
  'constraints',
])

/** @throws {SqlError} */
export function runSet({ name, value, scope }: SetStatement, context: StatementContext): Outcome {
  const { settings, transaction } = context
  const isLocal = scope === 'local'
  if (FORMS_WITHOUT_SETTING.has(name)) return done(name === 'constraints' ? TAG.setConstraints : TAG.set)
  if (name === 'role' || name === 'session_authorization') return setRole(name, value)
  settings.set(name, value, isLocal)
  if (!isLocal || transaction.holdsLocal) return done(TAG.set)
  // The setting is set all the same: later statements of the same pipeline use it.
  return done(TAG.set, warning('25P01', `${TAG.setLocal} can only be used in transaction blocks`))
}

function setRole(name: string, value: string | null): Outcome {
  const isUnchanged = value === null || value.toLowerCase() === 'none' || value.toLowerCase() === 'default'
  if (!isUnchanged) throw notOffered(name === 'role' ? TAG.setRole : TAG.setSessionAuthorization)
  return done(TAG.set)
}

/** @throws {SqlError} */
export function runReset({ name }: ResetStatement, { settings }: StatementContext): Outcome {
  if (name === 'all') settings.resetAll()
  else if (name !== 'role' && name !== 'session_authorization') settings.reset(name)
  return done(TAG.reset)
}

/** @throws {SqlError} 42704 */
export function runShow(name: string, { settings, transaction }: StatementContext): Outcome {
  const begun = name === 'transaction_isolation' ? isolationOf(transaction.begunWith ?? '') : null
  if (name === 'transaction_isolation')
    return oneRow([begun ?? settings.show('default_transaction_isolation')], TAG.show)
  return oneRow([settings.show(name)], TAG.show)
}

/** @throws {SqlError} */
export async function runDiscard({ target }: DiscardStatement, context: StatementContext): Promise<Outcome> {
  const { locks, permits, prepared, settings, transaction } = context
  if (target !== 'all') return done(`DISCARD ${target.toUpperCase()}`)
  if (transaction.isBlock) throw new SqlError('25001', 'DISCARD ALL cannot run inside a transaction block')
  prepared.endPortals()
  prepared.removeAll()
  settings.resetAll()
  await Promise.all([locks.releaseAll(), permits.releaseAll()])
  return done(TAG.discardAll)
}

const REFUSED: Partial<Record<NamedStatement['command'], string>> = {
  listen: TAG.listen,
  copy: 'COPY',
  prepare: 'PREPARE',
  execute: 'EXECUTE',
  load: 'LOAD',
}

/** @throws {SqlError} */
export function runNamed({ command, name }: NamedStatement, { prepared }: StatementContext): Outcome {
  const refused = REFUSED[command]
  if (refused !== undefined) throw notOffered(refused)
  if (command === 'unlisten') return done(TAG.unlisten)
  if (command === 'close' && name === null) return done(TAG.closeAll)
  if (command !== 'deallocate') throw notOffered(command.toUpperCase())
  if (name === null) {
    prepared.removeAll()
    return done(TAG.deallocateAll)
  }
  if (!prepared.remove(name)) throw new SqlError('26000', `prepared statement "${name}" does not exist`)
  return done(TAG.deallocate)
}

export function notOffered(what: string): SqlError {
  return new SqlError('0A000', `${what} is not offered by lockpool serve`, {
    hint: 'Use a separate connection to the database for this.',
  })
}
