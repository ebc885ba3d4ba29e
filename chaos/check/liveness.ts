import type { History, Holder, Life, Sighting, Span, Strike } from '../history.js'
import { isHold, type Ask, type Hold } from './asks.js'
import { concerns } from './concerned.js'
import type { Finding } from './finding.js'
import { busySpans, overlapMs, settledCalms, stallsOf } from './stalls.js'

/** How late something may be before it counts as a finding, on a busy machine. */
export interface Patience {
  /**
   * For a key that the server shows as free while a caller waits, without a fault: twice the longest poll. Time in which the
   * machine was too busy does not count.
   */
  readonly freeMs: number
  /** For an answer after its deadline, not counting time in which the process was paused. */
  readonly lateMs: number
  /** For a take-over after the lease of a silent holder: the longest poll, and some load. */
  readonly takeOverMs: number
}

export const PATIENCE: Patience = { freeMs: 2500, lateMs: 2000, takeOverMs: 3000 }

/** If two observations of the lock table are further apart than this, nothing is known about the time in between. */
const LONGEST_GAP_MS = 500

/** Finds keys that were free while a caller waited for them the whole time. */
export function findLostWakeUps(asks: readonly Ask[], history: History, { freeMs }: Patience): Finding[] {
  const keys = [...new Set(asks.map(({ key }) => key))]
  const findings: Finding[] = []
  const busy = busySpans(history)
  for (const calm of settledCalms(history, busy)) {
    const looks = history.sightings.filter(({ at }) => at >= calm.from && at <= calm.to)
    for (const key of keys) {
      for (const { from, to } of freeSpans(key, looks)) {
        if (to - from - overlapMs(busy, { from, to }) < freeMs) continue
        const waiter = asks.find(
          (ask) => ask.key === key && ask.askedAt <= from && (ask.settledAt ?? Infinity) >= to,
        )
        if (waiter === undefined) continue
        const what = `${waiter.id} waited for key ${key}, which was free for ${Math.round(to - from)} ms`
        findings.push({ kind: 'lost-wake-up', what })
      }
    }
  }
  return findings
}

function freeSpans(key: string, looks: readonly Sighting[]): Span[] {
  const spans: { from: number; to: number }[] = []
  let before: Sighting | null = null
  for (const look of looks) {
    const isConnected = before !== null && look.at - before.at <= LONGEST_GAP_MS && !before.held.has(key)
    if (!look.held.has(key)) {
      if (isConnected) spans.at(-1)!.to = look.at
      else spans.push({ from: look.at, to: look.at })
    }
    before = look
  }
  return spans
}

/** Finds keys that a process has according to the server, while no caller in that process had them. */
export function findLostGrants(asks: readonly Ask[], history: History, { freeMs }: Patience): Finding[] {
  const findings: Finding[] = []
  const busy = busySpans(history)
  for (const calm of settledCalms(history, busy)) {
    const looks = history.sightings.filter(({ at }) => at >= calm.from && at <= calm.to)
    for (const key of new Set(looks.flatMap(({ held }) => [...held]))) {
      for (const { from, to, holder } of heldSpans(key, looks)) {
        if (to - from - overlapMs(busy, { from, to }) < freeMs) continue
        const isKnown = asks.some(
          (ask) =>
            ask.key === key &&
            ask.process === holder.process &&
            ask.heldFrom !== null &&
            ask.heldFrom <= to &&
            (ask.endedAt ?? Infinity) >= from,
        )
        if (isKnown) continue
        const what = `${holder.process ?? 'no process'} had key ${key} with token ${holder.token} for ${Math.round(to - from)} ms according to the server, but no caller in it had it`
        findings.push({ kind: 'lost-grant', what })
      }
    }
  }
  return findings
}

/** Spans during which the server shows the same process and the same token. */
function heldSpans(key: string, looks: readonly Sighting[]): (Span & { holder: Holder })[] {
  const spans: { from: number; to: number; holder: Holder }[] = []
  let open: (typeof spans)[number] | null = null
  for (const { at, holders } of looks) {
    const holder = holders?.get(key)
    const isSame =
      open !== null &&
      at - open.to <= LONGEST_GAP_MS &&
      holder?.token === open.holder.token &&
      holder.process === open.holder.process
    if (isSame) open!.to = at
    else if (holder === undefined) open = null
    else spans.push((open = { from: at, to: at, holder }))
  }
  return spans
}

/** Finds calls that were answered long after their deadline, or never. */
export function findOutlivedDeadlines(
  asks: readonly Ask[],
  { strikes, lives, endedAt }: History,
  { lateMs }: Patience,
): Finding[] {
  const pauses = strikes.filter(({ isPause }) => isPause)
  const stalls = new Map(lives.map(({ process, events }) => [process, stallsOf(events)]))
  return asks.flatMap((ask): Finding[] => {
    const { id, key, process, askedAt, settledAt, withinMs } = ask
    if (settledAt === null)
      return [{ kind: 'outlived-deadline', what: `${id} was never answered, for key ${key}` }]
    const until = Math.min(settledAt, endedAt)
    const paused = pauses.filter((pause) => concerns(pause, ask))
    const idle = [...stalls.get(process)!, ...paused]
    const lateBy = until - askedAt - withinMs - overlapMs(idle, { from: askedAt, to: until })
    if (lateBy <= lateMs) return []
    return [{ kind: 'outlived-deadline', what: `${id} was answered ${Math.round(lateBy)} ms too late` }]
  })
}

/** A holder fell silent, and this much later another caller got its lock. */
export interface TakeOver {
  readonly strike: Strike
  readonly hold: Hold
  readonly next: Ask
  readonly ms: number
}

/**
 * Finds take-overs, but only where nothing else was wrong at the same time, and another caller waited from before. Then
 * only the lease of the silent holder and one poll can take time.
 */
export function findTakeOvers(asks: readonly Ask[], { strikes, leaseMs }: History): TakeOver[] {
  const holds = asks.filter(isHold)
  return strikes
    .filter(({ isSilence, from, to }) => isSilence && to - from > leaseMs)
    .flatMap((strike) =>
      holds.flatMap((hold): TakeOver[] => {
        const isHolder = concerns(strike, hold) && hold.heldFrom < strike.from - SETTLED_MS
        if (!isHolder || (hold.endedAt !== null && hold.endedAt < strike.from + leaseMs / 2)) return []
        const next = asks.find(
          (ask) =>
            ask.key === hold.key &&
            ask.process !== hold.process &&
            !concerns(strike, ask) &&
            ask.askedAt < strike.from &&
            ask.code === 'GRANTED' &&
            ask.settledAt! > strike.from,
        )
        if (next === undefined || isDisturbed(strike, next.settledAt!, strikes)) return []
        return [{ strike, hold, next, ms: next.settledAt! - strike.from }]
      }),
    )
}

/** A newer lock may have been released just before its holder fell silent. */
const SETTLED_MS = 20

function isDisturbed(strike: Strike, until: number, strikes: readonly Strike[]): boolean {
  return strikes.some((other) => other !== strike && other.from < until && other.to > strike.from - 1000)
}

export function takeOverFindings(takeOvers: readonly TakeOver[], leaseMs: number, most: Patience): Finding[] {
  return takeOvers
    .filter(({ ms }) => ms > leaseMs + most.takeOverMs)
    .map(({ hold, next, ms, strike }) => ({
      kind: 'slow-take-over',
      what: `${next.id} got key ${hold.key} ${Math.round(ms)} ms after ${hold.id} fell silent (${strike.kind})`,
    }))
}

/** Finds what a process must never do, whatever happens to it. */
export function findMisbehaviour(lives: readonly Life[]): Finding[] {
  return lives.flatMap(({ process, events, how }): Finding[] => {
    const unhandled = events.flatMap((event): Finding[] =>
      event.what === 'unhandled' ? [{ kind: 'unhandled', what: `${process}: ${event.message}` }] : [],
    )
    if (how === 'stuck') {
      return [
        ...unhandled,
        { kind: 'did-not-exit', what: `${process} did not stop when asked, and had to be killed` },
      ]
    }
    return how === 'crashed'
      ? [...unhandled, { kind: 'crashed', what: `${process} ended by itself` }]
      : unhandled
  })
}

/** The answers that a caller may get while servers die and networks fail. Any other answer is a bug. */
const KNOWN_CODES: ReadonlySet<string> = new Set([
  'GRANTED',
  'NOT_GRANTED',
  'ABORTED',
  'LOCK_TIMEOUT',
  'CONNECTION_FAILED',
  'POOL_CLOSED',
  // A client of a front has given up waiting for an answer. Another check decides how long that may take.
  'NO_ANSWER',
])

export function findUnknownErrors(asks: readonly Ask[]): Finding[] {
  return asks
    .filter(({ code }) => code !== null && !KNOWN_CODES.has(code))
    .map(({ id, code }) => ({ kind: 'unknown-error', what: `${id} was refused with ${code}` }))
}
