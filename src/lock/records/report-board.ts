import type { Dialect, LockLink, RecordTables } from '../../dialect/dialect.js'
import type { ReleaseRequest } from '../../dialect/release-request.js'
import { encodeReport, type ReportRow, type SessionReport } from '../../dialect/session-report.js'
import { Recorder, type RecorderHost } from './recorder.js'

/** Locks and waits of this duration are reported. Shorter ones end before a person could look, and cost nothing. */
export const REPORT_FROM_MS = 2000

/** A session without anything to report is reported again after this long, so that the cleanup does not remove it. */
const REPORT_AGAIN_MS = 3_600_000

export interface ReportBoardHost<C extends object> extends RecorderHost<C> {
  readonly dialect: Dialect<C>
  /** The reports about each session here. */
  reports(fromMs: number): readonly SessionReport[]
  /** Another program asks for a lock of this process. */
  requested(request: ReleaseRequest): void
}

type Update = ReportRow & { readonly reported: LastReport }

interface LastReport {
  readonly content: string
  readonly at: number
}

/**
 * Records, where the database has a table for that, since when the locks of this process are held, what for, and by which
 * process. The server knows none of it, and an operator who looks into a stuck lock needs all of it. It does so once a
 * second, and only for what lasts, so the path of a lock costs nothing more. It is recorded in advance, because a stuck
 * process may be unable to answer. With each record it also reads whether other programs ask for these locks.
 */
export class ReportBoard<C extends object> {
  readonly #host: ReportBoardHost<C>
  readonly #links = new Map<number, LockLink>()
  /** The sessions that other programs can ask for their locks. */
  readonly #receiving = new Set<number>()
  readonly #reported = new Map<number, LastReport>()
  readonly #recorder: Recorder<C>

  constructor(host: ReportBoardHost<C>) {
    this.#host = host
    this.#recorder = new Recorder(host, {
      consequence: 'ages of locks are not recorded',
      isDue: () => this.#updates(host.clock.now()).length > 0,
      write: (connection) => this.#writeTo(connection),
      failed: () => this.#reported.clear(),
    })
  }

  joined(link: LockLink, { keepsReports, receivesRequests }: RecordTables = link): void {
    if (!keepsReports || this.#recorder.isClosed) return
    this.#links.set(link.serverId, link)
    if (receivesRequests === true) this.#receiving.add(link.serverId)
    this.#reported.delete(link.serverId)
    this.#recorder.start()
  }

  detached(link: LockLink): void {
    if (this.#links.get(link.serverId) !== link) return
    this.#links.delete(link.serverId)
    this.#receiving.delete(link.serverId)
    this.#reported.delete(link.serverId)
    if (this.#links.size === 0) this.#recorder.stop()
  }

  close(): void {
    this.#recorder.close()
  }

  /** Sessions that have something to report, or had: readers rely on the latest report. */
  #updates(now: number): Update[] {
    return this.#host.reports(REPORT_FROM_MS).flatMap((report) => {
      const { serverId } = report
      if (!this.#links.has(serverId)) return []
      const content = encodeReport(report, now)
      const before = this.#reported.get(serverId)
      const isSame = before?.content === content
      const isQuiet = report.holds.size + report.waits.size === 0
      if (isSame && isQuiet && now - before.at < REPORT_AGAIN_MS) return []
      return [{ serverId, content: isSame && !isQuiet ? null : content, reported: { content, at: now } }]
    })
  }

  /** Writes the current state, because the report may have waited for a connection. */
  async #writeTo(connection: C): Promise<void> {
    const now = this.#host.clock.now()
    const updates = this.#updates(now)
    if (updates.length === 0) return
    await this.#host.dialect.writeReports(connection, updates, now)
    for (const { serverId, reported } of updates)
      if (this.#links.has(serverId)) this.#reported.set(serverId, reported)
    await this.#takeRequests(connection, updates)
  }

  async #takeRequests(connection: C, updates: readonly Update[]): Promise<void> {
    const { dialect } = this.#host
    const receiving = updates
      .map(({ serverId }) => serverId)
      .filter((serverId) => this.#receiving.has(serverId))
    if (receiving.length === 0 || dialect.takeReleaseRequests === undefined) return
    for (const request of await dialect.takeReleaseRequests(connection, receiving))
      this.#host.requested(request)
  }
}
