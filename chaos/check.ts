import { isHold, readAsks } from './check/asks.js'
import type { Finding } from './check/finding.js'
import {
  findLostGrants,
  findLostWakeUps,
  findMisbehaviour,
  findOutlivedDeadlines,
  findTakeOvers,
  findUnknownErrors,
  PATIENCE,
  takeOverFindings,
  type Patience,
} from './check/liveness.js'
import { findOverlaps, overlapFindings } from './check/overlaps.js'
import { findBadWrites, findTokenRegressions } from './check/tokens.js'
import type { History } from './history.js'

/** The result of a run. */
export interface Verdict {
  /** Everything that must not happen. */
  readonly findings: readonly Finding[]
  readonly figures: Figures
}

export interface Figures {
  readonly asks: number
  readonly grants: number
  readonly handOffs: number
  readonly losses: number
  readonly refusals: Readonly<Record<string, number>>
  readonly guardedWrites: number
  /** Overlaps that plain mode allows, because the server released the lock early. */
  readonly excusedOverlaps: number
  readonly worstExcusedOverlapMs: number
  /** Writes based on a value that a failover has undone. */
  readonly excusedUpdates: number
  readonly takeOvers: number
  readonly worstTakeOverMs: number
  readonly strikes: Readonly<Record<string, number>>
}

/** Checks a history against all promises. Pure: the same history gives the same verdict. */
export function check(history: History, patience: Patience = PATIENCE): Verdict {
  const asks = readAsks(history.lives)
  const overlaps = findOverlaps(asks, history)
  const excused = overlaps.filter(({ isExcused }) => isExcused)
  const takeOvers = findTakeOvers(asks, history)
  const badWrites = findBadWrites(history.writes, asks, history.strikes)
  const findings = [
    ...overlapFindings(overlaps),
    ...findTokenRegressions(asks),
    ...badWrites.filter(({ isExcused }) => !isExcused).map(({ kind, what }): Finding => ({ kind, what })),
    ...findLostWakeUps(asks, history, patience),
    ...findLostGrants(asks, history, patience),
    ...findOutlivedDeadlines(asks, history, patience),
    ...takeOverFindings(takeOvers, history.leaseMs, patience),
    ...findUnknownErrors(asks),
    ...findMisbehaviour(history.lives),
    ...history.leaks.map((what): Finding => ({ kind: 'leak', what })),
  ]
  return {
    findings,
    figures: {
      asks: asks.length,
      grants: asks.filter(({ code }) => code === 'GRANTED').length,
      handOffs: handOffs(history),
      losses: asks.filter((ask) => isHold(ask) && ask.isLost).length,
      refusals: tally(asks.flatMap(({ code }) => (code === null || code === 'GRANTED' ? [] : [code]))),
      guardedWrites: history.writes.length,
      excusedOverlaps: excused.length,
      worstExcusedOverlapMs: Math.max(0, ...excused.map(({ ms }) => ms)),
      excusedUpdates: badWrites.filter(({ isExcused }) => isExcused).length,
      takeOvers: takeOvers.length,
      worstTakeOverMs: Math.max(0, ...takeOvers.map(({ ms }) => ms)),
      strikes: tally(history.strikes.map(({ kind }) => kind)),
    },
  }
}

/** Adds up the last count of each process. A killed process has counted slightly less. */
function handOffs({ lives }: History): number {
  return lives.reduce((sum, { events }) => {
    const last = events.findLast((event) => event.what === 'counted')
    return sum + (last?.what === 'counted' ? last.handedOff : 0)
  }, 0)
}

function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}
