import type { LockMode } from '../dialect/lock-key.js'
import type { SessionState } from './session/session.js'

/** What a LockPool tells its listeners. Keys are shown as text; durations are milliseconds. */
export interface LockEvents {
  /** A connection has become a lock session. */
  'session:opened': { readonly session: number; readonly serverId: number }
  /** A lock session changed its state. Often: several times per batch. */
  'session:moved': { readonly session: number; readonly from: SessionState; readonly to: SessionState }
  /** A lock session ended with something to lose: its locks are lost. */
  'session:lost': {
    readonly session: number
    readonly reason: string
    readonly locks: number
    readonly error?: Error
  }
  /**
   * Locks go to another server than before: a standby was promoted. `host` is where it was connected to, which behind a balancer
   * is the balancer; `timeline` is that of PostgreSQL, null where it can't be told; `downMs` is how long there was none.
   */
  'primary:changed': { readonly host: string; readonly timeline: number | null; readonly downMs: number }
  /** Somebody holds a lock. */
  'lock:acquired': { readonly key: string; readonly mode: LockMode; readonly waitedMs: number }
  /**
   * Only in strict mode: the last holder did not give it back, so it is granted only when that one can't believe any more
   * to have it.
   */
  'lock:delayed': { readonly key: string; readonly mode: LockMode; readonly delayMs: number }
  /** It was given back, and the server has confirmed it, or another caller of this process has it now. */
  'lock:released': { readonly key: string; readonly mode: LockMode; readonly heldMs: number }
  /** Only with `leakWarningMs`: it is held for longer than that. Once per lock. `where` is the stack of its `acquire`. */
  'lock:overdue': {
    readonly key: string
    readonly mode: LockMode
    readonly heldMs: number
    readonly where: string
  }
  /** Only with `leakWarningMs`: the `Lock` was garbage-collected while held, and is released. */
  'lock:forgotten': {
    readonly key: string
    readonly mode: LockMode
    readonly heldMs: number
    readonly where: string
  }
  /** It ended without `release`. */
  'lock:lost': {
    readonly key: string
    readonly mode: LockMode
    readonly heldMs: number
    readonly reason: string
  }
  /** A campaign of this process has been elected. The token is null if there are none. */
  'leader:elected': { readonly key: string; readonly name: string; readonly token: string | null }
  /** Its term is over: given up, or lost with this error. */
  'leader:left': {
    readonly key: string
    readonly name: string
    readonly ledMs: number
    readonly error?: Error
  }
  /** Somebody has to wait for a lock. */
  'waiter:queued': { readonly key: string; readonly mode: LockMode }
  /** Somebody's wait is over: with the lock, or without. */
  'waiter:left': {
    readonly key: string
    readonly mode: LockMode
    readonly waitedMs: number
    readonly granted: boolean
  }
  /** Something in the background failed; what depends on it is slower, not wrong. */
  warning: { readonly message: string; readonly error?: Error }
}
