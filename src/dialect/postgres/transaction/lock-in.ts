import type { Clock } from '../../../base/clock.js'
import { InvalidOptionError, LockReentryError, LockTimeoutError } from '../../../base/errors.js'
import { show } from '../../../base/options.js'
import type { LockKey, LockMode } from '../../lock-key.js'
import { deadlockedWithoutWords } from './lock-attempt.js'
import type { TransactionLockOptions } from './lock-transaction.js'
import { askProgramClient, assertTransactionOpen, type ProgramClient } from '../connection/program-client.js'
import { DEADLOCK_DETECTED, LOCK_NOT_AVAILABLE, sqlState } from '../connection/server-errors.js'
import type { PostgresKey } from '../keys/key.js'
import { keyValues, PostgresTransaction, type TransactionContext } from './transaction.js'
import {
  LOCK_IN_TIME,
  LOCK_IN_TRANSACTION,
  TRY_LOCK_IN_TRANSACTION,
  WON_IN_TRANSACTION,
} from './transaction-sql.js'
import { checkChoice, checkNames, timeoutSetting } from './transaction-words.js'

/** The options of the statement of a pool. */
export interface LockStatementOptions {
  /** Default `'exclusive'`. */
  readonly mode?: LockMode
  /**
   * One attempt, whose result is in the column `granted`. Otherwise it waits, as long as the session's `lock_timeout` allows.
   *
   * Default false.
   */
  readonly try?: boolean
}

/** A statement that the program sends itself. */
export interface LockStatement {
  /** With `$1` and `$2` for the values. */
  readonly text: string
  /** Two numbers, or one number as text. */
  readonly values: unknown[]
  /** The same with the values inlined, which are numbers: for libraries that take only a text. */
  readonly sql: string
}

/** A client of `pg`, or anything with its `query`, that has a transaction open. */
export type LockInClient = ProgramClient

/** What should be locked, and its name. */
export interface LockInTarget {
  readonly code: PostgresKey
  /** The name for a sentence. */
  readonly what: string
  readonly text: string
}

/** @see LockPool.lockIn */
export async function lockInOf(
  context: TransactionContext,
  client: LockInClient,
  key: LockKey,
  options: TransactionLockOptions = {},
): Promise<void> {
  if (client instanceof PostgresTransaction && client.isOf(context)) return client.lock(key, options)
  checkNames(options, 'mode', 'timeoutMs')
  const mode = checkChoice('mode', options.mode, LOCK_IN_TRANSACTION, 'exclusive')
  const setting = timeoutSetting(options.timeoutMs ?? context.defaultTimeoutMs)
  const target = { code: context.encode(key), what: context.inWords(key), text: context.text(key) }
  const isAgain = context.isHeldAround(target.code.id, null)
  if (isAgain || options.timeoutMs === 0) {
    if (await won(client, target, ask(WON_IN_TRANSACTION, target.code, mode), context.clock)) return
    if (isAgain) throw new LockReentryError(target.what)
    throw new LockTimeoutError({ key: target.what, phase: 'locking', waitedMs: 0 })
  }
  const { text, values: ofKey } = ask(LOCK_IN_TIME, target.code, mode)
  const values = [options.timeoutMs !== undefined, String(setting), ...ofKey]
  await locked(client, target, { text, values }, context.clock)
}

/** @see LockPool.tryLockIn */
export async function tryLockInOf(
  context: TransactionContext,
  client: LockInClient,
  key: LockKey,
  options: { readonly mode?: LockMode } = {},
): Promise<boolean> {
  if (client instanceof PostgresTransaction && client.isOf(context)) return client.tryLock(key, options)
  checkNames(options, 'mode')
  const mode = checkChoice('mode', options.mode, LOCK_IN_TRANSACTION, 'exclusive')
  const target = { code: context.encode(key), what: context.inWords(key), text: context.text(key) }
  return won(client, target, ask(WON_IN_TRANSACTION, target.code, mode), context.clock)
}

/** @see LockPool.lockStatement */
export function lockStatementOf(
  context: TransactionContext,
  key: LockKey,
  options: LockStatementOptions = {},
): LockStatement {
  checkNames(options, 'mode', 'try')
  const mode = checkChoice('mode', options.mode, LOCK_IN_TRANSACTION, 'exclusive')
  return statement(context.encode(key), mode, checkFlag('try', options.try, false))
}

type ByMode = Readonly<Record<LockMode, Readonly<Record<'bigint' | 'pair', string>>>>

/** The statement for a key in a mode, with its values. */
export function ask(
  statements: ByMode,
  code: PostgresKey,
  mode: LockMode,
): Pick<LockStatement, 'text' | 'values'> {
  return { text: statements[mode][code.isPair ? 'pair' : 'bigint'], values: keyValues(code) }
}

/** The statement for programs that send it themselves: one that waits, or a single attempt. */
export function statement(code: PostgresKey, mode: LockMode, isTry: boolean): LockStatement {
  const { text, values } = ask(isTry ? TRY_LOCK_IN_TRANSACTION : LOCK_IN_TRANSACTION, code, mode)
  // The values are in quotes because a cast binds more tightly than a minus sign.
  const sql = text.replaceAll(/\$(\d)/g, (_, place: string) => `'${String(values[Number(place) - 1])}'`)
  return { text, values, sql }
}

/** Does the same as `won`, for a statement that waits until it has the lock. */
export async function locked(
  client: LockInClient,
  target: LockInTarget,
  asked: Pick<LockStatement, 'text' | 'values'>,
  clock: Clock,
): Promise<void> {
  if (await won(client, target, asked, clock)) return
  // The server returns a row for every lock. A substitute client that returns none has locked nothing.
  throw new InvalidOptionError([
    `"client" has not run the statement: there is no row in its answer, so ${target.what} is not locked`,
  ])
}

/**
 * Returns whether there is a row. The row itself is not read, because the program's client may parse values in any way.
 * A deadlock or a timeout of the server becomes an error of ours; then the transaction has failed.
 */
export async function won(
  client: LockInClient,
  target: LockInTarget,
  { text, values }: Pick<LockStatement, 'text' | 'values'>,
  clock: Clock,
): Promise<boolean> {
  const since = clock.now()
  try {
    const rows = await askProgramClient(client, text, values)
    assertTransactionOpen(client, 'lockIn')
    return rows.length > 0
  } catch (error) {
    throw explained(target, error, clock.now() - since)
  }
}

function explained({ code, what, text }: LockInTarget, error: unknown, waitedMs: number): unknown {
  const state = sqlState(error)
  if (state === DEADLOCK_DETECTED)
    return deadlockedWithoutWords({ what, wanted: text }, new Map([[code.id, text]]), error)
  if (state !== LOCK_NOT_AVAILABLE) return error
  return new LockTimeoutError({ key: what, phase: 'locking', waitedMs }, { cause: error })
}

/** @throws {InvalidOptionError} */
export function checkFlag(name: string, value: boolean | undefined, fallback: boolean): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? fallback
  throw new InvalidOptionError([`"${name}" must be true or false, got ${show(value)}`])
}
