import type { OldSnapshot } from '../dialect/server-state.js'
import { durationInWords } from './durations-in-words.js'

/** For how long a snapshot may be open, and how many transactions may begin meanwhile, before it is reported. */
export interface SnapshotLimits {
  readonly snapshotMs: number
  readonly snapshotTransactions: number
}

export const SNAPSHOT_LIMITS: SnapshotLimits = { snapshotMs: 60_000, snapshotTransactions: 1000 }

export const SNAPSHOT_ADVICE =
  'Let dumps and reports read a replica, or give the locks a database of their own: lockpool install --backend table --database NAME.'

/** Both: an open transaction costs nothing while no row changes, and a busy server begins a thousand in a second. */
export function isTooOld(
  { openMs, transactions }: OldSnapshot,
  { snapshotMs, snapshotTransactions }: SnapshotLimits = SNAPSHOT_LIMITS,
): boolean {
  return openMs >= snapshotMs && transactions >= snapshotTransactions
}

/** The snapshot and its consequence, without the final period. */
export function snapshotInWords({ pid, application, openMs, transactions }: OldSnapshot): string {
  const who = pid === 0 ? 'A prepared transaction' : `${application || 'A session'} (pid ${pid})`
  return `${who} has kept a snapshot open for ${durationInWords(openMs)}, in which ${transactions} transactions began: the server keeps every version of the rows of locks until it ends, and locks get slower`
}
