import { check, type Verdict } from '../chaos/check.js'
import { readAsks } from '../chaos/check/asks.js'
import { findOverlaps, overlapFindings, type Overlap } from '../chaos/check/overlaps.js'
import type { History, Moment } from '../chaos/history.js'

/** When a server that ended its sessions may have given a lock on before its holder could know. */
export interface Ending {
  readonly from: Moment
  /** The database takes writes again. Null: it did not. */
  readonly to: Moment | null
}

/**
 * Pure: the verdict on a history, without the overlaps that plain mode allows. A server that stops ends one session after the
 * other. A session that waits for a lock can be given it when the session of the holder ends, for the milliseconds that it has
 * left itself, and the holder does not know yet. So the second must have been granted while the server stopped: later there is
 * no excuse.
 */
export function withEnding(history: History, ending: Ending | null): Verdict {
  const { findings, figures } = check(history)
  const overlaps = findOverlaps(readAsks(history.lives), history)
  const isExcused = ({ second }: Overlap): boolean =>
    !history.isStrict &&
    ending !== null &&
    second.settledAt! >= ending.from &&
    (ending.to === null || second.settledAt! < ending.to)
  const excused = overlaps.filter(isExcused)
  const others = overlapFindings(overlaps.filter((overlap) => !isExcused(overlap)))
  return {
    findings: [...others, ...findings.filter(({ kind }) => kind !== 'overlap')],
    figures: {
      ...figures,
      excusedOverlaps: excused.length,
      worstExcusedOverlapMs: Math.max(0, ...excused.map(({ ms }) => ms)),
    },
  }
}
