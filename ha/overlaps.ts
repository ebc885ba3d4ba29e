import { check, type Verdict } from '../chaos/check.js'
import { readAsks } from '../chaos/check/asks.js'
import { findOverlaps, overlapFindings, type Overlap } from '../chaos/check/overlaps.js'
import type { History, Moment } from '../chaos/history.js'

/** When a server that ended its sessions may have granted a lock to another session before its holder could know. */
export interface Ending {
  readonly from: Moment
  /** When the database accepts writes again. Null if it did not. */
  readonly to: Moment | null
}

/**
 * The verdict on a history, without the overlaps that plain mode allows. Pure. A server that stops ends its sessions
 * one after the other. A session that waits for a lock can get it when the holder's session ends, for the few
 * milliseconds until it ends itself, while the holder does not know yet. So only a grant from the time while the server
 * stopped is excused.
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
