import type { Dialect, LockLink } from '../../dialect/dialect.js'
import type { ReleaseRequest } from '../../dialect/release-request.js'
import { encodeReport, type ReportRow, type SessionReport } from '../../dialect/session-report.js'
import { Recorder, type RecorderPorts } from './recorder.js'

/** Locks and waits of this duration are reported. Shorter ones end before a person could look, and cost nothing. */
export const TELL_FROM_MS = 2000

/** A session without anything to report is reported again after this long, so that the cleanup does not remove it. */
const TELL_AGAIN_MS = 3_600_000

export interface ReportBoardPorts<C extends object> extends RecorderPorts<C> {
  readonly dialect: Dialect<C>
  /** The reports about each session here. */
  reports(fromMs: number): readonly SessionReport[]
  /** Another program asks for a lock of this process. */
  requested(request: ReleaseRequest): void
}

type News = ReportRow & { readonly told: Told }

interface Told {
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
  readonly #ports: ReportBoardPorts<C>
  readonly #links = new Map<number, LockLink>()
  readonly #told = new Map<number, Told>()
  readonly #recorder: Recorder<C>

  constructor(ports: ReportBoardPorts<C>) {
    this.#ports = ports
    this.#recorder = new Recorder(ports, {
      consequence: 'ages of locks are not recorded',
      isDue: () => this.#news(ports.clock.now()).length > 0,
      write: (connection) => this.#writeTo(connection),
      failed: () => this.#told.clear(),
    })
  }

  joined(link: LockLink): void {
    if (!link.keepsReports || this.#recorder.isClosed) return
    this.#links.set(link.serverId, link)
    this.#told.delete(link.serverId)
    this.#recorder.start()
  }

  left(link: LockLink): void {
    if (this.#links.get(link.serverId) !== link) return
    this.#links.delete(link.serverId)
    this.#told.delete(link.serverId)
    if (this.#links.size === 0) this.#recorder.stop()
  }

  close(): void {
    this.#recorder.close()
  }

  /** Sessions that have something to report, or had: readers rely on the latest report. */
  #news(now: number): News[] {
    return this.#ports.reports(TELL_FROM_MS).flatMap((report) => {
      const { serverId } = report
      if (!this.#links.has(serverId)) return []
      const content = encodeReport(report, now)
      const before = this.#told.get(serverId)
      const isSame = before?.content === content
      const isQuiet = report.holds.size + report.waits.size === 0
      if (isSame && isQuiet && now - before.at < TELL_AGAIN_MS) return []
      return [{ serverId, content: isSame && !isQuiet ? null : content, told: { content, at: now } }]
    })
  }

  /** Writes the current state, because the report may have waited for a connection. */
  async #writeTo(connection: C): Promise<void> {
    const now = this.#ports.clock.now()
    const news = this.#news(now)
    if (news.length === 0) return
    await this.#ports.dialect.writeReports(connection, news, now)
    for (const { serverId, told } of news) if (this.#links.has(serverId)) this.#told.set(serverId, told)
    await this.#takeRequests(connection, news)
  }

  async #takeRequests(connection: C, news: readonly News[]): Promise<void> {
    const { dialect } = this.#ports
    const hearing = news
      .map(({ serverId }) => serverId)
      .filter((serverId) => this.#links.get(serverId)?.hearsRequests === true)
    if (hearing.length === 0 || dialect.takeReleaseRequests === undefined) return
    for (const request of await dialect.takeReleaseRequests(connection, hearing))
      this.#ports.requested(request)
  }
}
