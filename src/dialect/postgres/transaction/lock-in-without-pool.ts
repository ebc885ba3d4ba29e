import { systemClock } from '../../../base/clock.js'
import { InvalidOptionError } from '../../../base/errors.js'
import { show } from '../../../base/options.js'
import { checkKey, NAMESPACE } from '../../check-key.js'
import { keyInWords, keyText } from '../../key-words.js'
import type { LockKey, LockMode } from '../../lock-key.js'
import {
  ask,
  checkFlag,
  locked,
  statement,
  won,
  type LockInClient,
  type LockInTarget,
  type LockStatement,
} from './lock-in.js'
import { encodeKey, type PostgresKey } from '../keys/key.js'
import { LOCK_IN_TRANSACTION, WON_IN_TRANSACTION } from './transaction-sql.js'
import { checkChoice, checkNames } from './transaction-words.js'

/** The options of `lockIn` and `tryLockIn` without a pool. */
export interface LockInOptions {
  /** Default `'exclusive'`. */
  readonly mode?: LockMode
  /**
   * The namespace of the pools whose locks this should exclude; may be `''`. It is required, because a lock in a wrong
   * namespace would silently exclude no one. `locks.lockIn` of a pool knows it.
   */
  readonly namespace: string
}

/** The options of the statement. */
export interface FreeLockStatementOptions extends LockInOptions {
  /**
   * One attempt, whose result is in the column `granted`. Otherwise it waits, as long as the session's `lock_timeout` allows.
   *
   * Default false.
   */
  readonly try?: boolean
  /** `false` is another way to say `try`. */
  readonly wait?: boolean
}

/**
 * Like `locks.lockIn`, without a pool: a lock until the end of the transaction that is open on the caller's own
 * connection, on the key that `acquire` of a pool with this namespace would lock. It waits inside the server, as long as
 * `lock_timeout` of that session allows.
 *
 * @throws {LockTimeoutError} {LockDeadlockError} with the driver's error as the `cause`; the transaction has failed then
 * @throws {TransactionFailedError} no transaction is open, as far as the client knows: the lock has ended already
 * @throws {InvalidKeyError} {InvalidOptionError} also without a namespace
 */
export async function lockIn(client: LockInClient, key: LockKey, options: LockInOptions): Promise<void> {
  const { target, mode } = read(key, options, ['mode', 'namespace'])
  await locked(client, target, ask(LOCK_IN_TRANSACTION, target.code, mode), systemClock)
}

/**
 * Like `lockIn`, but one attempt: false if the key is not free.
 *
 * @throws as `lockIn`, but neither a timeout nor a deadlock
 */
export async function tryLockIn(
  client: LockInClient,
  key: LockKey,
  options: LockInOptions,
): Promise<boolean> {
  const { target, mode } = read(key, options, ['mode', 'namespace'])
  return won(client, target, ask(WON_IN_TRANSACTION, target.code, mode), systemClock)
}

/**
 * The statement of `lockIn`, for query builders and ORMs that send statements themselves. `locks.lockStatement` of a pool
 * knows the namespace.
 *
 * @throws {InvalidKeyError} {InvalidOptionError} also without a namespace
 */
export function lockStatement(key: LockKey, options: FreeLockStatementOptions): LockStatement {
  const { target, mode } = read(key, options, ['mode', 'namespace', 'try', 'wait'])
  const isTry = checkFlag('try', options.try, false) || !checkFlag('wait', options.wait, true)
  return statement(target.code, mode, isTry)
}

function read(
  key: LockKey,
  options: LockInOptions,
  names: readonly string[],
): { readonly target: LockInTarget; readonly mode: LockMode } {
  const { namespace, mode } = withNamespace(options)
  checkNames(options, ...names)
  checkKey(key)
  const code: PostgresKey = encodeKey(key, namespace)
  const target = { code, what: keyInWords(key), text: keyText(key) }
  return { target, mode: checkChoice('mode', mode, LOCK_IN_TRANSACTION, 'exclusive') }
}

/** A missing namespace would silently mean another set of locks. */
function withNamespace(options: LockInOptions | undefined): LockInOptions {
  if (options?.namespace === undefined) {
    throw new InvalidOptionError([
      `"namespace" is required: that of the pools whose locks this should exclude, '' if they have none`,
    ])
  }
  const problem = NAMESPACE.problem(options.namespace)
  if (problem === null) return options
  throw new InvalidOptionError([`"namespace" ${problem}, got ${show(options.namespace)}`])
}
