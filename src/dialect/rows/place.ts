import type { Wait } from './waits.js'

/** The row of a key that is waited for. */
export interface PlaceRow {
  readonly key: string
  readonly token: string
  readonly is_unowned: boolean
  readonly is_unread: boolean
  /** A member; null: none, or the database never gives a lock to a waiter by itself. */
  readonly owner: string | null
  readonly waiters: string | null
}

export interface Place {
  /** How many are before it: of a reader, writers. */
  readonly place: number
  /** Whether the lock could be taken by whoever is first. */
  readonly isFree: boolean
}

/** One that does not stand among the waiters any more was passed over, and has to come again. */
const COMES_AGAIN: Place = { place: 0, isFree: true }

export function placeOf({ memberId, mode, isSemaphore }: Wait, row: PlaceRow | null): Place {
  if (row === null) return COMES_AGAIN
  const waiters = row.waiters === null || row.waiters === '' ? [] : row.waiters.split(' ')
  const at = waiters.indexOf(mode === 'exclusive' ? memberId : `-${memberId}`)
  if (at < 0) return COMES_AGAIN
  // Whether there is a permit is for the attempt to find out.
  if (isSemaphore) return { place: 0, isFree: true }
  if (mode === 'exclusive') return { place: at, isFree: row.is_unowned && row.is_unread }
  return { place: waiters.slice(0, at).filter(isWriter).length, isFree: row.is_unowned }
}

/**
 * Whether the release has given it the lock. The token has grown since it began to wait: a row as it was before that, on a
 * server that is behind, would say the same of an earlier hold.
 */
export function isGivenTo(wait: Wait, { owner, token }: PlaceRow): boolean {
  return owner === wait.memberId && mayBeGiven(wait, token)
}

/** Whether this token can be that with which it is given the lock. */
export function mayBeGiven({ mode, isSemaphore, since }: Wait, token: string): boolean {
  return mode === 'exclusive' && !isSemaphore && since !== null && BigInt(token) > since
}

function isWriter(waiter: string): boolean {
  return !waiter.startsWith('-')
}
