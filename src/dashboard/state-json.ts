/**
 * What the page is told, and programs may read: plain JSON. It imports nothing, because the page is compiled on its own.
 * Durations are milliseconds, moments are milliseconds since 1970.
 */
export interface StateJson {
  /** Grows when something in here changes its meaning or goes away; what is added does not count. */
  readonly version: 1
  /** By the clock of the process that serves the page, as all moments in here. */
  readonly at: number
  readonly title: string
  /** Null while the server can't be looked at; `blindness` says why. */
  readonly server: ServerJson | null
  readonly blindness: string | null
  /** Null for a dashboard that stands beside the programs that lock. */
  readonly process: ProcessJson | null
  readonly health: readonly SentenceJson[]
  readonly locks: readonly LockJson[]
  /** By process id: those that hold or wait. */
  readonly sessions: Readonly<Record<string, SessionJson>>
  readonly chains: readonly ChainJson[]
  readonly history: HistoryJson
  /** Whether sessions may be ended by who knows the token. */
  readonly mayEnd: boolean
  /** To be sent back with whatever changes something. Another site can't read it. */
  readonly csrf: string
}

export interface ServerJson {
  readonly version: string
  readonly database: string
  readonly isStandby: boolean
  readonly lockTable: { readonly used: number; readonly capacity: number }
  readonly connections: { readonly used: number; readonly max: number }
  readonly hasKeyNames: boolean
  /** Processes that wait for keys that nobody has at this moment, or whose names are not known. */
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
  readonly doorbell: string
  readonly held: number
  readonly waiting: number
  readonly counters: Readonly<Record<string, number>>
}

/** One line of the summary: what is the case, and what one could do about it. */
export interface SentenceJson {
  readonly code: string
  readonly severity: 'ok' | 'warning' | 'problem'
  readonly text: string
  /** Right wherever it is read; how the session is ended is not in it. */
  readonly advice: string | null
  /** Whose session is to be ended if nothing else helps; null where that would be no help. */
  readonly endPid: number | null
  readonly pids: readonly number[]
  /** The id of the lock it is about; null if it is about none. */
  readonly lock: string | null
}

export interface LockJson {
  /** What tells it from all others, from one look to the next. */
  readonly id: string
  readonly kind: string
  readonly title: string
  readonly namespace: string | null
  /** Of an advisory lock, as `--raw` takes it; null where only this process knows it. */
  readonly key: string | null
  readonly permits: number | null
  readonly holders: readonly HolderJson[]
  readonly waiters: readonly WaiterJson[]
}

/** Between two bounds: where they are equal the age is known. `atMostMs` is null where there is none. */
export interface AgeJson {
  readonly atLeastMs: number
  readonly atMostMs: number | null
}

export interface HolderJson extends AgeJson {
  readonly pid: number | null
  readonly mode: string
  /** Of a semaphore, from 1 on. */
  readonly permit: number | null
  readonly token: string | null
  /** What it is for, in the words of who holds it. */
  readonly label: string | null
  /** In the process that serves the page. */
  readonly isHere: boolean
}

export interface WaiterJson extends AgeJson {
  readonly pid: number | null
  readonly mode: string | null
  /** What it waits for the lock for, in its words. */
  readonly label: string | null
  /** In its process, without a connection. */
  readonly isOutside: boolean
  readonly isHere: boolean
}

export interface SessionJson {
  readonly pid: number
  readonly application: string
  readonly host: string | null
  /** The process of a lockpool that has it, as its host knows it; null where it has not said so. */
  readonly process: { readonly host: string; readonly id: number } | null
  readonly user: string | null
  readonly state: string | null
  readonly stateMs: number | null
  readonly transactionMs: number | null
  /** When it began, in the words of the server; null if we may not see that. */
  readonly startedAt: string | null
  readonly waitsFor: string | null
  readonly query: string | null
  readonly isLockSession: boolean
  /** Of the process that serves the page. */
  readonly isHere: boolean
}

/** A session and those that can't go on because of it. */
export interface ChainJson {
  readonly pid: number
  /** What it waits for itself; null at the top. */
  readonly wait: ChainWaitJson | null
  readonly blocked: readonly ChainJson[]
  /** Below it, and left out because there are too many to draw. */
  readonly leftOut: number
}

export interface ChainWaitJson extends AgeJson {
  readonly lock: string
  readonly title: string
  readonly mode: string | null
  readonly isOutside: boolean
}

/** One column per measure, one row per slot of time, oldest first. Null where nobody looked. */
export interface HistoryJson {
  /** `process`: every lock of this process is measured. `server`: how many there were when somebody looked, and nothing of how long they took. */
  readonly of: 'process' | 'server'
  readonly everyMs: number
  /** How far back it may go. */
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

/** What the page sends to end a session. */
export interface EndJson {
  readonly pid: number
  /** Of the session that was looked at: a process id is used again. */
  readonly startedAt: string
  /** The process id, as somebody has typed it. */
  readonly confirm: string
}

export interface EndedJson {
  /** Whether there was such a session, and it was told to end. */
  readonly ended: boolean
  /** It was, and is still there: what it does can't be broken off at once. */
  readonly isStillThere: boolean
}

export interface ProblemJson {
  readonly error: { readonly code: string; readonly message: string }
}
