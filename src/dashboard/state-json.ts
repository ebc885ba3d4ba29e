/**
 * The state that the page and other programs read: plain JSON. It imports nothing, because the page is compiled separately.
 * Durations are milliseconds, moments are milliseconds since 1970.
 */
export interface StateJson {
  /** Increases when a field changes its meaning or is removed, not when one is added. */
  readonly version: 1
  /** By the clock of the process that serves the page, as all moments in here. */
  readonly at: number
  readonly title: string
  /** Null while the server cannot be inspected; `unavailable` says why. */
  readonly server: ServerJson | null
  readonly unavailable: string | null
  /** Null for a standalone dashboard. */
  readonly process: ProcessJson | null
  readonly health: readonly SentenceJson[]
  readonly locks: readonly LockJson[]
  /** By pid: the sessions that hold or wait. */
  readonly sessions: Readonly<Record<string, SessionJson>>
  readonly chains: readonly ChainJson[]
  readonly history: HistoryJson
  /** Whether sessions may be ended with the token. */
  readonly mayEnd: boolean
  /** Requests that change something must send it. Another site cannot read it. */
  readonly csrf: string
}

export interface ServerJson {
  /** `PostgreSQL`, `MariaDB` or `MySQL`. */
  readonly product: string
  readonly version: string
  readonly database: string
  readonly isStandby: boolean
  /** The capacity is null where locks have no table of a fixed size. */
  readonly lockTable: { readonly used: number; readonly capacity: number | null }
  readonly connections: { readonly used: number; readonly max: number }
  readonly hasKeyNames: boolean
  /** Processes that wait for keys that are not held now, or whose names are unknown. */
  readonly otherInterests: number
}

/** The pool of the process that serves the page. */
export interface ProcessJson {
  readonly state: 'open' | 'closing' | 'closed'
  readonly connections: {
    readonly used: number
    readonly open: number
    readonly max: number
    readonly waiting: number
  }
  readonly lockSessions: number
  readonly listener: string
  readonly held: number
  readonly waiting: number
  readonly counters: Readonly<Record<string, number>>
}

/** One line of the summary: the situation, and what to do about it. */
export interface SentenceJson {
  readonly code: string
  readonly severity: 'ok' | 'warning' | 'problem'
  readonly text: string
  /** How to end the session is not in it, because it differs from place to place. */
  readonly advice: string | null
  /** The pid of the session to end if nothing else helps; null if that would not help. */
  readonly endPid: number | null
  readonly pids: readonly number[]
  /** The id of the lock in question, if there is one. */
  readonly lock: string | null
}

export interface LockJson {
  /** Unique, and stable over time. */
  readonly id: string
  readonly kind: string
  readonly title: string
  readonly namespace: string | null
  /** For an advisory lock, as `--raw` takes it; null if only this process knows it. */
  readonly key: string | null
  readonly permits: number | null
  readonly holders: readonly HolderJson[]
  readonly waiters: readonly WaiterJson[]
}

/** An age between two bounds. If they are equal, it is exact. `atMostMs` is null if unknown. */
export interface AgeJson {
  readonly atLeastMs: number
  readonly atMostMs: number | null
}

export interface HolderJson extends AgeJson {
  readonly pid: number | null
  readonly mode: string
  /** For a semaphore: the number, from 1. */
  readonly permit: number | null
  readonly token: string | null
  /** What the lock is for, as its holder says. */
  readonly label: string | null
  /** Whether it is in the process that serves the page. */
  readonly isHere: boolean
}

export interface WaiterJson extends AgeJson {
  readonly pid: number | null
  readonly mode: string | null
  /** What it wants the lock for. */
  readonly label: string | null
  /** Whether it waits in its process, without a connection. */
  readonly isOutside: boolean
  readonly isHere: boolean
}

export interface SessionJson {
  readonly pid: number
  readonly application: string
  readonly host: string | null
  /** The client process that uses lockpool, with its host; null if it has not reported itself. */
  readonly process: { readonly host: string; readonly id: number } | null
  readonly user: string | null
  readonly state: string | null
  readonly stateMs: number | null
  readonly transactionMs: number | null
  /** When it began, as the server writes it; null if this role may not see it. */
  readonly startedAt: string | null
  readonly waitsFor: string | null
  readonly query: string | null
  readonly isLockSession: boolean
  /** Whether it belongs to the process that serves the page. */
  readonly isHere: boolean
}

/** A session and the sessions that it blocks. */
export interface ChainJson {
  readonly pid: number
  /** Its own wait; null at the top. */
  readonly wait: ChainWaitJson | null
  readonly blocked: readonly ChainJson[]
  /** How many below it are left out because there are too many to draw. */
  readonly leftOut: number
}

export interface ChainWaitJson extends AgeJson {
  readonly lock: string
  readonly title: string
  readonly mode: string | null
  readonly isOutside: boolean
}

/** One column per measure, one row per slot of time, the oldest first. Null for gaps. */
export interface HistoryJson {
  /** `process`: every lock of this process is measured. `server`: the counts at each snapshot, without durations. */
  readonly of: 'process' | 'server'
  readonly everyMs: number
  /** The longest span that the history covers. */
  readonly spanMs: number
  readonly at: readonly number[]
  readonly held: readonly (number | null)[]
  readonly waiting: readonly (number | null)[]
  readonly connections: readonly (number | null)[]
  readonly maxConnections: number | null
  readonly waits: QuantilesJson
  readonly holds: QuantilesJson
}

export interface QuantilesJson {
  readonly p50: readonly (number | null)[]
  readonly p95: readonly (number | null)[]
  readonly p99: readonly (number | null)[]
}

/** The request of the page to end a session. */
export interface EndJson {
  readonly pid: number
  /** The start of the session that was shown, because the server reuses pids. */
  readonly startedAt: string
  /** The pid, as a person typed it. */
  readonly confirm: string
}

export interface EndedJson {
  /** Whether there was such a session, and it was asked to end. */
  readonly ended: boolean
  /** It is still there: its activity cannot be interrupted at once. */
  readonly isStillThere: boolean
}

export interface ProblemJson {
  readonly error: { readonly code: string; readonly message: string }
}
