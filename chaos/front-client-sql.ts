import type { LockMode } from '../src/index.js'

/** The statements that a program sends to `lockpool serve`. */

type Scope = 'session' | 'transaction'
type Pair = Readonly<Record<'wait' | 'attempt', string>>

export const LOCK: Readonly<Record<Scope, Readonly<Record<LockMode, Pair>>>> = {
  session: {
    exclusive: {
      wait: 'SELECT pg_advisory_lock($1)',
      attempt: 'SELECT pg_try_advisory_lock($1)',
    },
    shared: {
      wait: 'SELECT pg_advisory_lock_shared($1)',
      attempt: 'SELECT pg_try_advisory_lock_shared($1)',
    },
  },
  transaction: {
    exclusive: {
      wait: 'SELECT pg_advisory_xact_lock($1)',
      attempt: 'SELECT pg_try_advisory_xact_lock($1)',
    },
    shared: {
      wait: 'SELECT pg_advisory_xact_lock_shared($1)',
      attempt: 'SELECT pg_try_advisory_xact_lock_shared($1)',
    },
  },
}

export const UNLOCK: Readonly<Record<LockMode, string>> = {
  exclusive: 'SELECT pg_advisory_unlock($1)',
  shared: 'SELECT pg_advisory_unlock_shared($1)',
}

export const NAMED = {
  wait: 'SELECT lockpool.acquire($1)',
  attempt: 'SELECT lockpool.try_acquire($1)',
  release: 'SELECT lockpool.release($1)',
} as const

export const UNLOCK_ALL = 'SELECT pg_advisory_unlock_all()'
export const DISCARD = 'DISCARD ALL'
export const BEGIN = 'BEGIN'
export const COMMIT = 'COMMIT'
export const ROLLBACK = 'ROLLBACK'

export const LOCK_TIMEOUT = "SELECT set_config('lock_timeout', $1, false)"
