import { isMember } from '../dialect/member-id.js'
import type { KeyName, ServerSession } from '../dialect/server-state.js'

/** A key of any program, a semaphore of lockpool, or something that PostgreSQL locks by itself. */
export type ServerLockKind = 'advisory' | 'semaphore' | 'row' | 'table' | 'transaction' | 'other'

/** A lock in the server, with its holders and its waiters. */
export interface ServerLock {
  readonly kind: ServerLockKind
  /** For people: the name of the key if it is known. */
  readonly title: string
  /** Unique within its kind. For an advisory lock the raw key, as `--raw` takes it: `123` or `12,34`. */
  readonly id: string
  /** The name of an advisory lock, if a process has recorded it. */
  readonly name: KeyName | null
  /** The number of permits of a semaphore, if a process has recorded it. */
  readonly permits: number | null
  /** For rows and tables: the name of the table, with its schema if needed. */
  readonly table: string | null
  readonly holders: readonly LockHolder[]
  /** Sessions that wait in the server, the longest wait first; then processes that wait outside of it, in no known order. */
  readonly waiters: readonly LockWaiter[]
}

/**
 * PostgreSQL does not record when a lock was granted. Pools record it for their own locks (`lockpool install`); then both
 * bounds are the exact age. For other locks there are limits: a row or a table is not locked for longer than its transaction
 * has run, and a lock is held at least as long as its session has been idle, because only statements acquire locks. The age of
 * the session says nothing: with a pool it is hours for locks of milliseconds.
 */
export interface LockHolder {
  readonly session: ServerSession
  /** `exclusive` or `shared` for advisory locks; for others the server's word. */
  readonly mode: string
  /** For a semaphore: the number of the permit, from 1. */
  readonly permit: number | null
  /** The least that it has been held. */
  readonly atLeastMs: number
  /** The most that it has been held; null if unknown. */
  readonly atMostMs: number | null
  /** What the lock is for, as its holder says: see `AcquireOptions.label`. */
  readonly label?: string | null
}

/** A waiter for a lock. */
export interface LockWaiter {
  readonly session: ServerSession
  /** Null for a process that waits outside the server, unless it has registered as a writer. */
  readonly mode: string | null
  /** Null if unknown: for a process outside the server, and in the first moments. */
  readonly waitedMs: number | null
  /** What it wants the lock for: see `AcquireOptions.label`. */
  readonly label?: string | null
  /** How many callers of its process wait, if more than one does: the other facts are those of the longest wait. */
  readonly callers?: number
  /** Whether it waits in its process, without a connection. */
  readonly isOutside: boolean
  /** The backend pids of the sessions that block it. */
  readonly blockedBy: readonly number[]
}

/** Unique among the locks of a server, and stable over time: for rows, links and addresses. */
export function lockId({ kind, id }: Pick<ServerLock, 'kind' | 'id'>): string {
  return `${kind} ${id}`
}

/** A reference to a lock of the same snapshot. */
export type LockRef = Pick<ServerLock, 'kind' | 'id' | 'title'>

export function refOf({ kind, id, title }: ServerLock): LockRef {
  return { kind, id, title }
}

/** With its namespace, if it has one: the same name in two namespaces is two locks. */
export function titled({ title, name }: Pick<ServerLock, 'title' | 'name'>): string {
  return name === null || name.namespace === '' ? title : `${title} [${name.namespace}]`
}

/**
 * The kind, for people. With `backend: 'table'` a lock is no advisory lock; `kind` says `advisory` all the same, because it stands
 * for every lock on a key.
 */
export function kindInWords({ kind, holders, waiters }: ServerLock): string {
  const isRow = [...holders, ...waiters].some(({ session }) => isMember(session.pid))
  return kind === 'advisory' && isRow ? 'leased row' : kind
}

/** The number of waiters of all of them. */
export function waitersOf(locks: readonly ServerLock[]): number {
  return locks.reduce((sum, { waiters }) => sum + waiters.length, 0)
}
