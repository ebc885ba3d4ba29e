import type { Wait } from './waits.js'

/** The row of a key that some caller waits for. */
export interface PlaceRow {
  readonly key: string
  readonly token: string
  readonly is_unowned: boolean
  readonly is_unread: boolean
  /** The member that owns it. Null if there is none, or if the database never gives a lock to a waiter by itself. */
  readonly owner: string | null
  readonly waiters: string | null
}

export interface Place {
  /** The number of waiters before this one; for a reader, of writers. */
  readonly place: number
  /** Whether the first waiter could take the lock. */
  readonly isFree: boolean
}

/** A member that is no longer among the waiters was passed over, and must try again. */
const COMES_AGAIN: Place = { place: 0, isFree: true }

export function placeOf({ memberId, mode, isSemaphore }: Wait, row: PlaceRow | null): Place {
  if (row === null) return COMES_AGAIN
  // The member owns it, whether it is among the waiters as well or not.
  if (mode === 'exclusive' && row.owner === memberId) return COMES_AGAIN
  const waiters = row.waiters === null || row.waiters === '' ? [] : row.waiters.split(' ')
  const at = waiters.indexOf(mode === 'exclusive' ? memberId : `-${memberId}`)
  if (at < 0) return COMES_AGAIN
  // Only the attempt finds out whether there is a free permit.
  if (isSemaphore) return { place: 0, isFree: true }
  if (mode === 'exclusive') return { place: at, isFree: row.is_unowned && row.is_unread }
  return { place: waiters.slice(0, at).filter(isWriter).length, isFree: row.is_unowned }
}

/**
 * Whether a release has given it the lock. The token must have grown since the wait began: on a server that lags
 * behind, an old version of the row could show an earlier hold of the same member.
 */
export function isGivenTo(wait: Wait, { owner, token, waiters }: PlaceRow): boolean {
  // If it is among the waiters as well, only an attempt removes it there.
  const isOwn = owner === wait.memberId && waiters?.split(' ').includes(wait.memberId) !== true
  return isOwn && mayBeGiven(wait, token)
}

/** Whether the lock can have been given with this token. */
export function mayBeGiven({ mode, isSemaphore, since }: Wait, token: string): boolean {
  return mode === 'exclusive' && !isSemaphore && since !== null && BigInt(token) > since
}

function isWriter(waiter: string): boolean {
  return !waiter.startsWith('-')
}
