import type { ProcessName, SessionReport } from './session-report.js'

/** What a server says about its locks, as a dialect has read and decoded it. Ages are milliseconds, by the server's clock. */
export interface ServerState {
  readonly server: ServerFacts
  readonly sessions: readonly ServerSession[]
  readonly locks: readonly LockRow[]
  /** Who keeps whom from going on, of those that wait in the server. */
  readonly blockers: ReadonlyMap<number, readonly number[]>
  /** What lockpool's own processes wait for outside the server. */
  readonly interests: readonly Interest[]
  readonly announcements: readonly Announcement[]
  readonly names: KeyNames
  /** What lockpools say of their own sessions, by process id. Those that have said nothing are missing. */
  readonly reports?: ReadonlyMap<number, SessionReport>
}

/** The server as a whole. */
export interface ServerFacts {
  /** When this was read, by the server's clock. */
  readonly at: Date
  /** As it says itself: `18.4`. */
  readonly version: string
  readonly database: string
  /** A read-only copy of another server: its locks have no effect there. */
  readonly isStandby: boolean
  /** Of the table that all locks of the server share: entries in use, counted from above, and how many there may be. */
  readonly lockTable: { readonly used: number; readonly capacity: number }
  /** Of all databases and programs. */
  readonly connections: { readonly used: number; readonly max: number }
  /** Whether names of keys are recorded here, and this role may read them. */
  readonly hasKeyNames: boolean
  /**
   * The session whose snapshot the server has to keep old versions of rows for, if locks are rows here. Null: there is none
   * that matters.
   */
  readonly oldSnapshot?: OldSnapshot | null
  /** Whether processes record the ages of their locks here, and this role may read them. */
  readonly hasReports?: boolean
}

/** A snapshot that has been open while other transactions changed rows. */
export interface OldSnapshot {
  /** 0 stands for a prepared transaction. */
  readonly pid: number
  /** Its `application_name`. */
  readonly application: string
  /** For how long its transaction has been open. */
  readonly openMs: number
  /** Transactions that have begun since. */
  readonly transactions: number
}

/** One session of the server. Fields that this role may not see are null. */
export interface ServerSession {
  /** 0 stands for a prepared transaction, which has no session any more. */
  readonly pid: number
  /** Its `application_name`. */
  readonly application: string
  /** Null on the server's own socket too. */
  readonly host: string | null
  /** The role. */
  readonly user: string | null
  /** As the server says: `active`, `idle`, `idle in transaction`, ... */
  readonly state: string | null
  /** In the server's words, if it waits: `Lock: tuple`. */
  readonly waitsFor: string | null
  /** Its last statement, or the one it runs. */
  readonly query: string | null
  /** When it began, as the server writes it: tells it from a later one of the same number. */
  readonly startedAt: string | null
  /** How long it has been there. */
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
  /** Of its KeyCode. */
  readonly id: string
  /** As it can be typed: `123`, or `12,34` for a pair. */
  readonly key: string
  /** What interest in it is kept under. */
  readonly hash: number
}

export interface LockRow {
  readonly target: LockTarget
  readonly pid: number
  /** `exclusive` and `shared` for advisory locks; for others the words of the server. */
  readonly mode: string
  readonly isGranted: boolean
  /** Null while it does not wait, or has just begun to. */
  readonly waitedMs: number | null
}

/** A process waits, outside the server, for a key with this hash. How many callers it has for it is its own business. */
export interface Interest {
  readonly pid: number
  readonly hash: number
  /** Whether it has made known that it wants the key exclusively. */
  readonly isWriter: boolean
}

/** One session of a pool that has announced how much of the lock table it may use. */
export interface Announcement {
  readonly pid: number
  readonly pool: number
  readonly share: number
}

/** What people call a key. */
export interface KeyName {
  readonly name: string
  /** That of the pool: see `LockPoolOptions.namespace`. */
  readonly namespace: string
}

/** A slot of a semaphore, or how a process has named its number of permits. */
export interface SemaphorePart {
  readonly semaphore: KeyName
  /** The same for all parts of one semaphore. */
  readonly id: string
  readonly part: 'slot' | 'shape'
  /** Of the slot, from 0 on; or how many permits there are. */
  readonly number: number
  /** What interest in the semaphore is kept under. */
  readonly hash: number
}

/** What is known of the names of keys. */
export interface KeyNames {
  nameOf(target: AdvisoryTarget): KeyName | null
  semaphoreOf(target: AdvisoryTarget): SemaphorePart | null
}

/** What became of a session that was to be ended. There was `none` that began then; it is `gone`; or it was told to end, and after five seconds it is still `there`. */
export type SessionEnd = 'none' | 'gone' | 'there'
