import type { LockMode } from '../dialect/lock-key.js'
import type { ProcessName } from '../dialect/session-report.js'
import type { PoolCounts } from '../pool/pool-events.js'
import type { Keys } from './keys.js'
import type { LockCounters } from './lock-counters.js'
import type { KeyEntry } from './key/key-entry.js'
import { keyText } from '../dialect/key-words.js'
import type { PrimarySnapshot } from './session/primary-watch.js'
import {
  KEY_STATE_NAMES,
  type KeyStateName,
  type ListenerState,
  type SessionStateName,
} from './state-names.js'
import type { SemaphoreSnapshot } from './semaphore/semaphore-snapshot.js'
import type { Session } from './session/session.js'

/** One lock session. */
export interface SessionSnapshot {
  /** The id within the pool, as in events. */
  readonly id: number
  /** Its id at the server: for PostgreSQL its backend pid. */
  readonly serverId: number
  readonly state: SessionStateName
  /** The number of its keys. */
  readonly keys: number
  /** Milliseconds since its last answer. */
  readonly silentMs: number
}

/** A key that this process holds or waits for. */
export interface KeySnapshot {
  /** The key, as text. */
  readonly key: string
  readonly state: KeyStateName
  /** The mode in which it is held, or wanted. */
  readonly mode: LockMode
  /** The `id` of the session that has it, or tries to get it. */
  readonly session: number | null
  /** The holders: one, or several readers. */
  readonly holders: readonly {
    readonly heldMs: number
    readonly token: string | null
    readonly label: string | null
  }[]
  /** The waiters, in order. */
  readonly waiters: readonly {
    readonly mode: LockMode
    readonly waitedMs: number
    readonly label: string | null
    /** A candidate for leadership, which may wait forever. */
    readonly isStandby: boolean
  }[]
}

/** The state of this process, as plain JSON. It costs no round trip, and does not include what only the server knows. */
export interface PoolSnapshot {
  /** The version of this format. Added fields do not change it. */
  readonly version: 1
  readonly state: 'open' | 'closing' | 'closed'
  /** This process. */
  readonly process: ProcessName
  /** Lock sessions, checked-out connections and the one that listens. */
  readonly connections: PoolCounts & { readonly min: number; readonly max: number }
  /** The state of the notification listener. While it does not listen, waiting callers poll. */
  readonly listener: ListenerState
  readonly sessions: readonly SessionSnapshot[]
  /** The server that has the locks; null until the first session, and if it is unknown. */
  readonly primary: PrimarySnapshot | null
  /** Locks and permits that are held. */
  readonly held: number
  /** Callers that wait for a lock or a permit. */
  readonly waiting: number
  /** The keys that this process holds or waits for, in the order of their names. */
  readonly keys: readonly KeySnapshot[]
  readonly semaphores: readonly SemaphoreSnapshot[]
  /** Counts since the pool was made. */
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
    state: KEY_STATE_NAMES[entry.state],
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
