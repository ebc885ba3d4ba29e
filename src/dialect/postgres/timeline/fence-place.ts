import {
  ask,
  isCollision,
  MOST_ATTEMPTS,
  serverError,
  settled,
  valueOf,
  type Settled,
} from './ask-timeline.js'
import { inWords, sqlState } from '../connection/server-errors.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { beginRun, LAST_TOKEN, moveToFloor, NEAR, raiseFloor, readFence } from './timeline-sql.js'

/** The sequence that the tokens come from. */
export interface FenceObject {
  readonly oid: string
  /** Whether this role may move the sequence. */
  readonly isMovable: boolean
}

/** The pool that follows the timeline. */
export interface Follower {
  /** Null if the pool uses no tokens, or if there is no sequence. */
  readonly fence: FenceObject | null
  /** The lease of a strict pool, or null for other pools. */
  readonly strictLeaseMs: number | null
  /** The largest token that this process has seen. */
  readonly seen: string
  /** How long a statement may wait for a lock of another session on one of our objects. */
  readonly limitMs: number
}

export interface FenceRow {
  readonly run: string | null
  readonly last: string
  readonly clock: string
}

/** When the server started, and the oid of this database. */
export interface StartRow {
  readonly started: string
  readonly database: string
}

/** Identifies a run of the server for this sequence. A copy or a restored backup of the database has another run. */
export function runOf({ started, database }: StartRow, { oid }: FenceObject): string {
  return `${started}/${database}/${oid}`
}

/**
 * - `begin`: no process has moved the sequence in this run of the server, so no process draws tokens yet
 * - `raise`: this process has seen a larger token
 * - `approach`: the sequence is behind the clock. That is not wrong by itself, but another server may have been used in
 *   the meantime
 */
export type Move = 'begin' | 'raise' | 'approach' | 'none'

export function moveOf({ run, last, clock }: FenceRow, thisRun: string, seen: string): Move {
  if (run !== thisRun) return 'begin'
  if (BigInt(seen) > BigInt(last)) return 'raise'
  return BigInt(clock) > BigInt(last) + NEAR ? 'approach' : 'none'
}

export function isExhausted({ last }: FenceRow, seen: string): boolean {
  return BigInt(last) > LAST_TOKEN || BigInt(seen) > LAST_TOKEN
}

export interface Place {
  readonly noTokens: string | null
  readonly last: string
  readonly isClockless: boolean
}

/**
 * Ensures that the sequence is where it must be in this run of the server. `first` is a reading of the sequence that
 * may already have been made.
 */
export async function placeFence(
  server: ServerConnection,
  follower: Follower,
  run: string,
  first: Settled<FenceRow | undefined> | null,
): Promise<Place> {
  const { limitMs, seen } = follower
  const fence = follower.fence!
  let latest = first
  try {
    for (let attempt = 0; ; attempt++) {
      const row =
        latest === null ? await ask<FenceRow>(server, limitMs, readFence(fence.oid)) : valueOf(latest)
      latest = null
      const there = { last: row!.last, isClockless: row!.clock === '0' }
      if (isExhausted(row!, seen)) return { ...there, noTokens: USED_UP }
      const move = moveOf(row!, run, seen)
      if (move === 'none' || (move === 'approach' && !fence.isMovable)) return { ...there, noTokens: null }
      if (!fence.isMovable) return { ...there, noTokens: NOT_MOVABLE }
      if (attempt === MOST_ATTEMPTS) return { ...there, noTokens: NOT_MOVED }
      await carryOut(server, move, follower, run)
      if (move === 'approach') return { ...there, noTokens: null }
    }
  } catch (error) {
    const isTooFar = sqlState(serverError(error)) === NUMERIC_OUT_OF_RANGE
    return { noTokens: isTooFar ? USED_UP : inWords(error, 'lockpool.fence'), last: '0', isClockless: false }
  }
}

const NUMERIC_OUT_OF_RANGE = '22003'

const USED_UP = 'tokens are used up: the sequence lockpool.fence has come close to 2^63, where it ends'

const NOT_MOVED = 'the sequence lockpool.fence could not be moved to where it has to be'

const NOT_MOVABLE =
  'the timeline could not be followed: permission denied to move the sequence lockpool.fence ("lockpool install --role ROLE" grants what is needed)'

async function carryOut(
  server: ServerConnection,
  move: Move,
  { fence, seen, limitMs }: Follower,
  run: string,
): Promise<void> {
  const { oid } = fence!
  // Two transactions that are sent at once. The second one uses what the first one has committed.
  const messages =
    move === 'begin' ? [beginRun(oid, run, seen)] : [raiseFloor(oid, run, seen), moveToFloor(oid, run)]
  const results = await Promise.all(messages.map((message) => settled(ask(server, limitMs, ...message))))
  for (const result of results) {
    if (move !== 'approach' && 'error' in result && !isCollision(result.error)) throw result.error
  }
}
