import type { ProcessName, SessionReport } from './session-report.js'

/** The locks of a server, read and decoded by a dialect. Ages are in milliseconds, on the clock of the server. */
export interface ServerState {
  readonly server: ServerFacts
  readonly sessions: readonly ServerSession[]
  readonly locks: readonly LockRow[]
  /** For each session that waits in the server: the sessions that block it. */
  readonly blockers: ReadonlyMap<number, readonly number[]>
  /** What processes that use lockpool wait for outside the server. */
  readonly interests: readonly Interest[]
  readonly announcements: readonly Announcement[]
  readonly names: KeyNames
  /** The reports of processes about their own sessions, by pid. Sessions without a report are missing. */
  readonly reports?: ReadonlyMap<number, SessionReport>
}

/** The server as a whole. */
export interface ServerFacts {
  /** When the state was read, on the clock of the server. */
  readonly at: Date
  readonly product: 'PostgreSQL' | 'MariaDB' | 'MySQL'
  /** The server's own version text, such as `18.4`. */
  readonly version: string
  readonly database: string
  /** A read-only copy of another server: its locks have no effect there. */
  readonly isStandby: boolean
  /**
   * The table that all locks of the server share: an upper bound of the entries in use, and the maximum. Infinity means that
   * there is no such table.
   */
  readonly lockTable: { readonly used: number; readonly capacity: number }
  /** The connections of all databases and programs. */
  readonly connections: { readonly used: number; readonly max: number }
  /** Whether names of keys are recorded here, and this role may read them. */
  readonly hasKeyNames: boolean
  /**
   * The session whose snapshot makes the server keep old versions of rows, if locks are rows here. Null if there is
   * none that matters.
   */
  readonly oldSnapshot?: OldSnapshot | null
  /** Whether processes record the ages of their locks here, and this role may read them. */
  readonly hasReports?: boolean
}

/** A snapshot that has been open while other transactions changed rows. */
export interface OldSnapshot {
  /** 0 means a prepared transaction. */
  readonly pid: number
  /** Its `application_name`. */
  readonly application: string
  /** How long its transaction has been open. */
  readonly openMs: number
  /** The number of transactions that have begun since. */
  readonly transactions: number
}

/** One session of the server. Fields that this role may not see are null. */
export interface ServerSession {
  /** 0 means a prepared transaction, which no longer has a session. */
  readonly pid: number
  /** Its `application_name`. */
  readonly application: string
  /** Null also for a connection through the server's Unix socket. */
  readonly host: string | null
  /** The role. */
  readonly user: string | null
  /** The server's own word: `active`, `idle`, `idle in transaction`, ... */
  readonly state: string | null
  /** What it waits for, in the words of the server: `Lock: tuple`. Null if it does not wait. */
  readonly waitsFor: string | null
  /** Its last statement, or the one it runs. */
  readonly query: string | null
  /** When it began, in the text of the server. It tells the session from a later one with the same pid. */
  readonly startedAt: string | null
  /** How long it has existed. */
  readonly sessionMs: number | null
  /** Null outside of a transaction. */
  readonly transactionMs: number | null
  /** How long it has been in its state. */
  readonly stateMs: number | null
  /** The client process that uses lockpool, if it has reported itself. */
  readonly process?: ProcessName | null
  /** Whether it is a lock session of lockpool, which may carry many locks; recognized by its last statement. */
  readonly isLockSession: boolean
}

/** What is locked, in the terms of the database. */
export type LockTarget =
  | AdvisoryTarget
  | { readonly kind: 'table'; readonly table: string }
  | { readonly kind: 'row'; readonly table: string; readonly page: number; readonly tuple: number }
  | { readonly kind: 'transaction'; readonly transaction: string }
  | { readonly kind: 'other'; readonly what: string }

export interface AdvisoryTarget {
  readonly kind: 'advisory'
  /** The id of its KeyCode. */
  readonly id: string
  /** The key in the form in which users type it: `123`, or `12,34` for a pair. */
  readonly key: string
  /** The hash under which waiter registrations for it are kept. */
  readonly hash: number
}

export interface LockRow {
  readonly target: LockTarget
  readonly pid: number
  /** `exclusive` and `shared` for advisory locks; for others the words of the server. */
  readonly mode: string
  readonly isGranted: boolean
  /** Null if it does not wait, or has just begun to wait. */
  readonly waitedMs: number | null
}

/** A process waits, outside the server, for a key with this hash. The number of its waiting callers is not known. */
export interface Interest {
  readonly pid: number
  readonly hash: number
  /** Whether the process has announced that it wants the key exclusively. */
  readonly isWriter: boolean
}

/** One session of a pool that has announced how much of the lock table it may use. */
export interface Announcement {
  readonly pid: number
  readonly pool: number
  readonly share: number
}

/** The name of a key for people. */
export interface KeyName {
  readonly name: string
  /** The namespace of the pool: see `LockPoolOptions.namespace`. */
  readonly namespace: string
}

/** A slot of a semaphore, or the shape by which processes state its number of permits. */
export interface SemaphorePart {
  readonly semaphore: KeyName
  /** The same for all parts of one semaphore. */
  readonly id: string
  readonly part: 'slot' | 'shape'
  /** The number of the slot, from 0 on, or the number of permits of the shape. */
  readonly number: number
  /** The hash under which waiter registrations for the semaphore are kept. */
  readonly hash: number
}

/** Finds the names of keys. */
export interface KeyNames {
  nameOf(target: AdvisoryTarget): KeyName | null
  semaphoreOf(target: AdvisoryTarget): SemaphorePart | null
}

/**
 * The result of ending a session. `none`: no session with this start existed. `gone`: it has ended. `there`: it still
 * exists five seconds after it was asked to end.
 */
export type SessionEnd = 'none' | 'gone' | 'there'
