/** The functions with which a client can lock. */
import type { LockCall, OwnCall } from './statement.js'
import type { Token } from './token.js'

type LockShape = Pick<LockCall, 'action' | 'scope' | 'mode'>

const session = { scope: 'session' } as const
const transaction = { scope: 'transaction' } as const
const exclusive = { mode: 'exclusive' } as const
const shared = { mode: 'shared' } as const

/** The whole `pg_advisory` family of PostgreSQL. */
export const LOCK_FUNCTIONS: ReadonlyMap<string, LockShape> = new Map<string, LockShape>([
  ['pg_advisory_lock', { action: 'lock', ...session, ...exclusive }],
  ['pg_advisory_lock_shared', { action: 'lock', ...session, ...shared }],
  ['pg_try_advisory_lock', { action: 'try', ...session, ...exclusive }],
  ['pg_try_advisory_lock_shared', { action: 'try', ...session, ...shared }],
  ['pg_advisory_xact_lock', { action: 'lock', ...transaction, ...exclusive }],
  ['pg_advisory_xact_lock_shared', { action: 'lock', ...transaction, ...shared }],
  ['pg_try_advisory_xact_lock', { action: 'try', ...transaction, ...exclusive }],
  ['pg_try_advisory_xact_lock_shared', { action: 'try', ...transaction, ...shared }],
  ['pg_advisory_unlock', { action: 'unlock', ...session, ...exclusive }],
  ['pg_advisory_unlock_shared', { action: 'unlock', ...session, ...shared }],
  ['pg_advisory_unlock_all', { action: 'unlock-all', ...session, ...exclusive }],
])

/** Functions of the schema `lockpool`: the names of their arguments in order, and how many of them are required. */
export const OWN_FUNCTIONS: ReadonlyMap<
  string,
  {
    readonly function: OwnCall['function']
    readonly arguments: readonly OwnArgument[]
    readonly needed: number
  }
> = new Map([
  ['acquire', { function: 'acquire', arguments: ['name', 'timeout_ms'], needed: 1 }],
  ['try_acquire', { function: 'try_acquire', arguments: ['name'], needed: 1 }],
  ['release', { function: 'release', arguments: ['name'], needed: 1 }],
  ['permit', { function: 'permit', arguments: ['name', 'permits', 'timeout_ms'], needed: 2 }],
  ['token', { function: 'token', arguments: ['name'], needed: 1 }],
])

export type OwnArgument = keyof OwnCall['arguments']

/** Also matches names that a later PostgreSQL may add, and the C functions of these functions (`pg_advisory_lock_int8`). */
const ADVISORY = /pg_(?:try_)?advisory_/

export const isAdvisory = (name: string): boolean => ADVISORY.test(plain(name))

/**
 * In another encoding or locale, a database may fold letters beyond ASCII to the letters of these names, such as the Turkish
 * dotted I. So the comparison is as tolerant as the most tolerant server.
 */
const plain = (text: string): string => {
  if (!/[^ -~\s]/.test(text)) return text.toLowerCase()
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/\u0131|i\u0307/g, 'i')
}

/** Whether a function that locks is named here, in any syntax. */
export function namesLock(tokens: readonly Token[], at: number): boolean {
  const token = tokens[at]!
  if (!isName(token)) return false
  if (isAdvisory(token.value)) return true
  const next = tokens[at + 2]
  return (
    token.value === 'lockpool' &&
    isOp(tokens[at + 1], '.') &&
    next !== undefined &&
    isName(next) &&
    OWN_FUNCTIONS.has(next.value)
  )
}

export const isName = (token: Token): boolean => token.type === 'word' || token.type === 'name'

export const isOp = (token: Token | undefined, value: string): boolean =>
  token?.type === 'op' && token.value === value
