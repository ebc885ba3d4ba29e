import type { KeyName, ServerSession } from '../dialect/server-state.js'

/** A key of any program, a semaphore of lockpool, or what PostgreSQL locks by itself. */
export type ServerLockKind = 'advisory' | 'semaphore' | 'row' | 'table' | 'transaction' | 'other'

/** One thing that is locked in the server, or wanted: by whom, and who waits for it. */
export interface ServerLock {
  readonly kind: ServerLockKind
  /** As people read it: the name of the key where it is known. */
  readonly title: string
  /** What tells it from all others of its kind. Of an advisory lock the raw key, as `--raw` takes it: `123` or `12,34`. */
  readonly id: string
  /** Of an advisory lock, if a process has written it down. */
  readonly name: KeyName | null
  /** Of a semaphore, if a process has said so. */
  readonly permits: number | null
  /** Of a row or a table: its name, with its schema if it needs one. */
  readonly table: string | null
  readonly holders: readonly LockHolder[]
  /** Who waits in the server, the longest first; then processes that wait outside it, in no order that the server knows. */
  readonly waiters: readonly LockWaiter[]
}

/**
 * The server does not know since when a lock is held. A lockpool knows it of its own locks, and says it (`lockpool install`):
 * then both bounds are that. Of other locks it is known that rows and tables are not locked longer than their transaction
 * runs, and that no lock is held for less than its session has been idle, because only statements lock. How long the session
 * has been there says nothing: with a pool that is hours for locks of milliseconds.
 */
export interface LockHolder {
  readonly session: ServerSession
  /** `exclusive` and `shared` for advisory locks; for others the words of the server. */
  readonly mode: string
  /** Of a semaphore: the number of the permit, from 1 on. */
  readonly permit: number | null
  /** Not shorter than this. */
  readonly atLeastMs: number
  /** Nor longer than this, if that is known. */
  readonly atMostMs: number | null
  /** What it is for, in the words of who holds it: see `AcquireOptions.label`. */
  readonly label?: string | null
}

/** Who waits for a lock. */
export interface LockWaiter {
  readonly session: ServerSession
  /** Null for a process outside, unless it has made known that it wants the lock exclusively. */
  readonly mode: string | null
  /** Null where nobody says it: of a process outside, and of the first moments. */
  readonly waitedMs: number | null
  /** What it waits for the lock for, in its words: see `AcquireOptions.label`. */
  readonly label?: string | null
  /** A lockpool that waits in its process, without a connection for it. */
  readonly isOutside: boolean
  /** The sessions that keep it from going on, by the server. */
  readonly blockedBy: readonly number[]
}

/** What tells a lock from all others of a server, from one look to the next: for rows, links and addresses. */
export function lockId({ kind, id }: Pick<ServerLock, 'kind' | 'id'>): string {
  return `${kind} ${id}`
}

/** A lock as something else speaks of it: enough to find it in the same snapshot. */
export type LockRef = Pick<ServerLock, 'kind' | 'id' | 'title'>

export function refOf({ kind, id, title }: ServerLock): LockRef {
  return { kind, id, title }
}

/** With its namespace, where it has one: the same name in two namespaces is two locks. */
export function titled({ title, name }: Pick<ServerLock, 'title' | 'name'>): string {
  return name === null || name.namespace === '' ? title : `${title} [${name.namespace}]`
}

/** How many wait for any of them. */
export function waitersOf(locks: readonly ServerLock[]): number {
  return locks.reduce((sum, { waiters }) => sum + waiters.length, 0)
}
