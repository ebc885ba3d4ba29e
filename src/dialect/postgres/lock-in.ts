import { TransactionFailedError } from '../../base/errors.js'
import { checkKey } from '../check-key.js'
import type { LockKey, LockMode } from '../lock-key.js'
import type { QueryResult } from '../queryable.js'
import { encodeKey } from './postgres-key.js'
import { keyValues } from './postgres-transaction.js'
import { LOCK_IN_TRANSACTION, TRY_LOCK_IN_TRANSACTION, WON_IN_TRANSACTION } from './transaction-sql.js'
import { checkChoice } from './transaction-words.js'

/** How `lockIn` and `tryLockIn` lock. */
export interface LockInOptions {
  /** Default `'exclusive'`. */
  readonly mode?: LockMode
  /** That of the pool whose locks this is to exclude. Default `''`. */
  readonly namespace?: string
}

/** How the statement locks. */
export interface LockStatementOptions extends LockInOptions {
  /** `false` for one attempt, whose answer is in the column `granted`. Default `true`: wait, as long as `lock_timeout`. */
  readonly wait?: boolean
}

/** A statement for whoever sends it himself. */
export interface LockStatement {
  /** With `$1` and `$2` for the values. */
  readonly text: string
  /** Two numbers, or one as a text. */
  readonly values: unknown[]
  /** The same with the values in it, which are numbers: for what takes a text alone. */
  readonly sql: string
}

/** A client of `pg`, or anything with its `query`. */
interface Client {
  /** Sends one statement with its values. */
  query(text: string, values?: unknown[]): Promise<Pick<QueryResult, 'rows'>>
  /** By the last answer: `I` is idle, outside of any transaction. Clients of `pg` have it. */
  getTransactionStatus?(): string | null
}

/**
 * A lock until the end of the transaction that is open on the caller's own connection, on the key that `acquire` would
 * lock. It waits inside the server, as long as `lock_timeout` of that session allows; a time-out (55P03) or a deadlock
 * (40P01) is the driver's error, and fails the transaction, as every error does.
 *
 * @throws {TransactionFailedError} if no transaction is open, as far as the client can tell: the lock is gone again
 * @throws {InvalidKeyError} {InvalidOptionError}
 */
export async function lockIn(client: Client, key: LockKey, options: LockInOptions = {}): Promise<void> {
  const { text, values } = lockStatement(key, options)
  await client.query(text, values)
  checkOpen(client)
}

/**
 * As `lockIn`, but one attempt: false if it is not free.
 *
 * @throws as `lockIn`
 */
export async function tryLockIn(client: Client, key: LockKey, options: LockInOptions = {}): Promise<boolean> {
  const { text, values } = statementOf(key, options, WON_IN_TRANSACTION)
  const { rows } = await client.query(text, values)
  checkOpen(client)
  return rows.length > 0
}

/**
 * The statement of `lockIn`, for query builders and ORMs that send statements themselves.
 *
 * @throws {InvalidKeyError} {InvalidOptionError}
 */
export function lockStatement(
  key: LockKey,
  { wait = true, ...options }: LockStatementOptions = {},
): LockStatement {
  const { text, values } = statementOf(key, options, wait ? LOCK_IN_TRANSACTION : TRY_LOCK_IN_TRANSACTION)
  // In quotes, because a cast binds closer than a minus.
  const sql = text.replaceAll(/\$(\d)/g, (_, place: string) => `'${String(values[Number(place) - 1])}'`)
  return { text, values, sql }
}

type ByMode = Readonly<Record<LockMode, Readonly<Record<'bigint' | 'pair', string>>>>

function statementOf(
  key: LockKey,
  { mode, namespace = '' }: LockInOptions,
  byMode: ByMode,
): Pick<LockStatement, 'text' | 'values'> {
  checkKey(key)
  const code = encodeKey(key, namespace)
  const byKind = byMode[checkChoice('mode', mode, byMode, 'exclusive')]
  return { text: byKind[code.isPair ? 'pair' : 'bigint'], values: keyValues(code) }
}

function checkOpen(client: Client): void {
  if (client.getTransactionStatus?.() !== 'I') return
  throw new TransactionFailedError('lockIn needs an open transaction: the lock is gone again', false)
}
