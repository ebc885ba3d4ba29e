import type { LockMode } from '../dialect/lock-key.js'
import type { ProcessName } from '../dialect/session-report.js'
import type { PoolCounts } from '../pool/pool-events.js'
import type { Keys } from './key/keys.js'
import type { LockCounters } from './lock-counters.js'
import type { DoorbellState } from './contention/doorbell.js'
import type { KeyEntry } from './key/key-entry.js'
import type { KeyState } from './key/key-state.js'
import { keyText } from '../dialect/key-words.js'
import type { PrimarySnapshot } from './session/primary-watch.js'
import type { SemaphoreSnapshot } from './semaphore/semaphore-snapshot.js'
import type { Session, SessionState } from './session/session.js'

/** One lock session. */
export interface SessionSnapshot {
  /** Within the pool, as in events. */
  readonly id: number
  /** What the server calls it: for PostgreSQL its backend's process id. */
  readonly serverId: number
  /** `executing` while a batch is on the wire, else `holding` if it holds locks, or `idle`. */
  readonly state: SessionState
  /** Keys it is used for. */
  readonly keys: number
  /** Milliseconds since it was last heard of. */
  readonly silentMs: number
}

/** One key that somebody in this process holds or waits for. */
export interface KeySnapshot {
  /** As text. */
  readonly key: string
  /** What is under way for it: the state machine is in ARCHITECTURE.md. */
  readonly state: Exclude<KeyState, 'inLine'>
  /** In which it is held, or asked for. */
  readonly mode: LockMode
  /** The `id` of the session that has it, or asks for it. */
  readonly session: number | null
  /** One, or several readers. */
  readonly holders: readonly {
    readonly heldMs: number
    readonly token: string | null
    readonly label: string | null
  }[]
  /** In the order in which they came. */
  readonly waiters: readonly {
    readonly mode: LockMode
    readonly waitedMs: number
    readonly label: string | null
    /** It stands for leadership, and so may wait for ever. */
    readonly isStandby: boolean
  }[]
}

/** What this process knows, as plain JSON. It costs no round trip, and is not what the server knows. */
export interface PoolSnapshot {
  /** Of this format. What is added to it later does not change it. */
  readonly version: 1
  readonly state: 'open' | 'closing' | 'closed'
  /** Which process this is. */
  readonly process: ProcessName
  /** Lock sessions, borrowed connections and the one that listens. */
  readonly connections: PoolCounts & { readonly min: number; readonly max: number }
  /** Whether the bell that wakes waiting callers can be heard; if not, they poll. */
  readonly doorbell: DoorbellState
  readonly sessions: readonly SessionSnapshot[]
  /** The server that locks are taken on; null until the first session, and where it can't be told. */
  readonly primary: PrimarySnapshot | null
  /** Locks and permits. */
  readonly held: number
  /** Callers who wait for a lock or a permit. */
  readonly waiting: number
  /** Those that somebody in this process holds or waits for, in the order of their names. */
  readonly keys: readonly KeySnapshot[]
  readonly semaphores: readonly SemaphoreSnapshot[]
  /** Since the pool was made. */
  readonly counters: Readonly<LockCounters>
}

export function sessionSnapshot(session: Session): SessionSnapshot {
  return {
    id: session.id,
    serverId: session.link.serverId,
    state: session.state,
    keys: session.clientCount,
    silentMs: Math.round(session.silentMs),
  }
}

export function keySnapshots(registry: Keys): KeySnapshot[] {
  const now = registry.clock.now()
  const keys = Array.from(registry.entries, (entry) => keySnapshot(entry, now))
  return keys.toSorted((one, other) => (one.key < other.key ? -1 : one.key === other.key ? 0 : 1))
}

function keySnapshot(entry: KeyEntry, now: number): KeySnapshot {
  return {
    key: keyText(entry.label),
    state: entry.state === 'inLine' ? 'waiting' : entry.state,
    mode: entry.mode,
    session: entry.session?.id ?? null,
    holders: [...entry.holders].map((lock) => ({
      heldMs: Math.round(lock.heldMs),
      token: lock.tokenText,
      label: lock.label,
    })),
    waiters: [...entry.queue].map((waiter) => ({
      mode: waiter.mode,
      waitedMs: Math.round(now - waiter.since),
      label: waiter.purpose,
      isStandby: waiter.isStandby,
    })),
  }
}
