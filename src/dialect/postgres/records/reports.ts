import type { Queryable } from '../../queryable.js'
import { decodeReport, type ReportRow, type SessionReport } from '../../session-report.js'
import { REPORTS, SWEEP_REPORTS, WRITE_REPORTS } from './report-sql.js'

export async function writeReports(
  connection: Queryable,
  rows: readonly ReportRow[],
  clockMs: number,
): Promise<void> {
  const sessions = rows.map(({ serverId }) => serverId)
  const contents = rows.map(({ content }) => content)
  await Promise.all([
    connection.query(WRITE_REPORTS, [sessions, contents, Math.round(clockMs)]),
    connection.query(SWEEP_REPORTS),
  ])
}

interface StoredRow {
  readonly session: number
  readonly content: string
  readonly clock_ms: string
  readonly age_ms: string
  readonly is_same: boolean | null
}

/** Reads all reports. Rows that an earlier session with the same pid has left are skipped. */
export async function readReports(connection: Queryable): Promise<Map<number, SessionReport>> {
  const { rows } = await connection.query<StoredRow>(REPORTS)
  const reports = new Map<number, SessionReport>()
  for (const { session, content, clock_ms, age_ms, is_same } of rows) {
    if (is_same === false) continue
    const ageMs = Math.max(0, Number(age_ms))
    const report = decodeReport(session, content, Number(clock_ms), ageMs, is_same === true)
    if (report !== null) reports.set(session, report)
  }
  return reports
}
