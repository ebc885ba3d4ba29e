import { readAsks, type Ask } from '../chaos/check/asks.js'
import type { Life, Moment } from '../chaos/history.js'
import { CYCLE_KEY, LONG_KEY } from './orders.js'

/** All that was seen of one round. */
export interface Seen {
  readonly struckAt: Moment
  readonly oldPrimary: string
  readonly lives: readonly Life[]
  /** Writes that the database took, without lockpool. */
  readonly writes: readonly { readonly at: Moment; readonly node: string }[]
}

/** How long things took, in milliseconds. Null where they did not happen. */
export interface Timings {
  /** The longest time after the strike in which no node took a write. */
  readonly databaseAwayMs: number
  /** From the strike until the database took writes again. */
  readonly databaseBackMs: number | null
  /** The longest time without a grant of the lock that is taken again and again. */
  readonly withoutGrantsMs: number
  /** From the first write of the database after its absence to the first grant. */
  readonly firstGrantAfterMs: number | null
  /** From the strike until a holder of the other lock was told that it is lost. */
  readonly holderToldMs: number | null
  /** From the strike until that lock was granted again. */
  readonly longGrantedMs: number | null
  /**
   * The longest wait of one caller for the lock that is taken again and again, once it was granted again: one who is left behind
   * shows here. Null if nobody was granted it.
   */
  readonly slowestCallerMs: number | null
  /** How often two nodes took writes at the same time, by turns. */
  readonly twoPrimaries: number
  readonly refused: number
}

/** Before the strike, so that a gap that begins with it is seen from its start. */
const BEFORE_MS = 2000

/** Pure: what the moments say. */
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

/** Those who still wait in the end count too. */
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

/** How often the old primary took a write after another node had taken one. */
function alternations(writes: readonly { at: Moment; node: string }[], oldPrimary: string): number {
  const sorted = writes.toSorted((a, b) => a.at - b.at)
  const first = sorted.findIndex(({ node }) => node !== oldPrimary)
  return first < 0 ? 0 : sorted.slice(first).filter(({ node }) => node === oldPrimary).length
}
