import { readAsks, type Ask } from '../chaos/check/asks.js'
import type { Life, Moment } from '../chaos/history.js'
import { CYCLE_KEY, LONG_KEY } from './orders.js'

/** The record of one round. */
export interface Seen {
  readonly struckAt: Moment
  readonly oldPrimary: string
  readonly lives: readonly Life[]
  /** Writes that the database accepted, without lockpool. */
  readonly writes: readonly { readonly at: Moment; readonly node: string }[]
}

/** Durations in milliseconds. Null if the event did not happen. */
export interface Timings {
  /** The longest time after the strike in which no node accepted a write. */
  readonly databaseAwayMs: number
  /** From the strike until the database accepted writes again. */
  readonly databaseBackMs: number | null
  /** The longest time without a grant of the lock that is acquired again and again. */
  readonly withoutGrantsMs: number
  /** From the first write of the database after its absence to the first grant. */
  readonly firstGrantAfterMs: number | null
  /** From the strike until a holder of the other lock learned that it is lost. */
  readonly holderToldMs: number | null
  /** From the strike until that lock was granted again. */
  readonly longGrantedMs: number | null
  /**
   * The longest wait of one caller for the lock that is acquired again and again, after its first grant. A caller that
   * is left behind shows here. Null if there was no grant.
   */
  readonly slowestCallerMs: number | null
  /** How many times two nodes accepted writes at the same time, alternating. */
  readonly twoPrimaries: number
  readonly refused: number
}

/** Starts before the strike, so that a gap which begins with the strike is seen from its start. */
const BEFORE_MS = 2000

/** Computes the figures from the recorded times. Pure. */
export function timingsOf({ struckAt, oldPrimary, lives, writes }: Seen): Timings {
  const asks = readAsks(lives)
  const cycle = asks.filter(({ key }) => key === CYCLE_KEY)
  const grants = cycle.filter(({ code }) => code === 'GRANTED').map(({ settledAt }) => settledAt!)
  const away = longestGap(
    writes.map(({ at }) => at),
    struckAt,
  )
  const without = longestGap(grants, struckAt)
  const back = away?.to ?? null
  const firstGrant = back === null ? undefined : grants.toSorted(ascending).find((at) => at >= back)
  const long = asks.filter(({ key }) => key === LONG_KEY)
  const lost = long
    .filter(({ isLost, endedAt }) => isLost && endedAt! > struckAt)
    .map(({ endedAt }) => endedAt!)
  const toldAt = lost.toSorted(ascending)[0]
  const againAt = long
    .filter(({ code, settledAt }) => code === 'GRANTED' && settledAt! > struckAt)
    .map(({ settledAt }) => settledAt!)
    .toSorted(ascending)[0]
  const sinceStrike = (at: Moment | undefined | null): number | null =>
    at === undefined || at === null ? null : Math.round(at - struckAt)
  return {
    databaseAwayMs: Math.round(away === null ? 0 : away.to - away.from),
    databaseBackMs: sinceStrike(back),
    withoutGrantsMs: Math.round(without === null ? 0 : without.to - without.from),
    firstGrantAfterMs: firstGrant === undefined || back === null ? null : Math.round(firstGrant - back),
    holderToldMs: sinceStrike(toldAt),
    longGrantedMs: sinceStrike(againAt),
    slowestCallerMs: firstGrant === undefined ? null : slowestSince(firstGrant, cycle),
    twoPrimaries: alternations(
      writes.filter(({ at }) => at > struckAt),
      oldPrimary,
    ),
    refused: asks.filter(({ code }) => code !== null && code !== 'GRANTED' && code !== 'ABORTED').length,
  }
}

/** Includes callers that still wait at the end. */
function slowestSince(since: Moment, asks: readonly Ask[]): number {
  const waits = asks.map(({ askedAt, settledAt }) => (settledAt ?? since) - Math.max(askedAt, since))
  return Math.round(Math.max(0, ...waits))
}

const ascending = (a: number, b: number): number => a - b

function longestGap(moments: readonly Moment[], struckAt: Moment): { from: Moment; to: Moment } | null {
  const after = moments.filter((at) => at > struckAt - BEFORE_MS).toSorted(ascending)
  let longest: { from: Moment; to: Moment } | null = null
  for (const [i, to] of after.entries()) {
    const from = after[i - 1]
    if (from === undefined) continue
    if (longest === null || to - from > longest.to - longest.from) longest = { from, to }
  }
  return longest
}

/** How many times the old primary accepted a write after another node had accepted one. */
function alternations(writes: readonly { at: Moment; node: string }[], oldPrimary: string): number {
  const sorted = writes.toSorted((a, b) => a.at - b.at)
  const first = sorted.findIndex(({ node }) => node !== oldPrimary)
  return first < 0 ? 0 : sorted.slice(first).filter(({ node }) => node === oldPrimary).length
}
