import type { WorkerReport } from './messages.js'
import { WaitHistogram } from './wait-histogram.js'

/** The totals of all workers at this moment. */
export interface Tally {
  readonly transfers: number
  readonly acquired: number
  readonly handedOff: number
  readonly lost: number
  /** Writes that were refused because of a later token, although the locks were held. */
  readonly refused: number
  readonly held: number
  readonly waiting: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export function tally(reports: readonly WorkerReport[]): Tally {
  const waits = new WaitHistogram()
  for (const report of reports) waits.merge(report.waits)
  const sum = (count: (report: WorkerReport) => number): number =>
    reports.reduce((total, report) => total + count(report), 0)
  return {
    transfers: sum((report) => report.transfers),
    acquired: sum((report) => report.acquired),
    handedOff: sum((report) => report.handedOff),
    lost: sum((report) => report.lost),
    refused: sum((report) => report.refused),
    held: sum((report) => report.held),
    waiting: sum((report) => report.waiting),
    p50Ms: waits.percentile(0.5),
    p99Ms: waits.percentile(0.99),
  }
}
