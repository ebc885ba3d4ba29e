import type { LockMode } from '../dialect/lock-key.js'
import type { SessionStateName } from './state-names.js'

/** The events of a LockPool. Keys are shown as text; durations are milliseconds. */
export interface LockEvents {
  /** A connection has become a lock session. */
  'session:opened': { readonly session: number; readonly serverId: number }
  /** A lock session changed its state. Often: several times per batch. */
  'session:moved': {
    readonly session: number
    readonly from: SessionStateName
    readonly to: SessionStateName
  }
  /** A lock session ended with locks on it: its locks are lost. */
  'session:lost': {
    readonly session: number
    readonly reason: string
    readonly locks: number
    readonly error?: Error
  }
  /**
   * Locks now go to another server: a standby was promoted. `host` is the address, which behind a load balancer is that of the
   * balancer; `timeline` is PostgreSQL's, null if unknown; `downMs` is how long there was no primary.
   */
  'primary:changed': { readonly host: string; readonly timeline: number | null; readonly downMs: number }
  /** A caller holds a lock. */
  'lock:acquired': { readonly key: string; readonly mode: LockMode; readonly waitedMs: number }
  /**
   * Only in strict mode: the previous hold ended uncleanly, so the grant waits until the lease of the previous holder is over
   * (lock-delay).
   */
  'lock:delayed': { readonly key: string; readonly mode: LockMode; readonly delayMs: number }
  /** The lock was released: the server has confirmed it, or another caller of this process has it now. */
  'lock:released': { readonly key: string; readonly mode: LockMode; readonly heldMs: number }
  /** Only with `leakWarningMs`: held for longer than that. Once per lock. `where` is the stack of its `acquire`. */
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
  /**
   * Another program asks for the lock (`lockpool break KEY --ask`), for this reason if it gave one. `lock.requested` aborts.
   * The lock stays held until it is released.
   */
  'lock:requested': {
    readonly key: string
    readonly mode: LockMode
    readonly heldMs: number
    readonly reason: string | null
  }
  /** The lock ended without `release`. */
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
  /** A caller has to wait for a lock. */
  'waiter:queued': { readonly key: string; readonly mode: LockMode }
  /** The wait of a caller is over: with the lock, or without. */
  'waiter:left': {
    readonly key: string
    readonly mode: LockMode
    readonly waitedMs: number
    readonly granted: boolean
  }
  /** Something in the background failed; what depends on it is slower, not wrong. */
  warning: { readonly message: string; readonly error?: Error }
}
