import type { Cancel, Clock } from '../../base/clock.js'
import { ConnectionError } from '../../base/errors.js'
import { inTime } from '../../base/in-time.js'
import type { Dialect, LockLink } from '../../dialect/dialect.js'
import type { ReleaseRequest } from '../../dialect/release-request.js'
import { encodeReport, type ReportRow, type SessionReport } from '../../dialect/session-report.js'
import type { ConnectionPool } from '../../pool/connection-pool.js'

const LOOK_EVERY_MS = 1000

/** Locks and waits of this duration are reported. Shorter ones end before a person could look, and cost nothing. */
export const TELL_FROM_MS = 2000

/** A session without anything to report is reported again after this long, so that the cleanup does not remove it. */
const TELL_AGAIN_MS = 3_600_000

/** Less often when the last attempt has failed: nothing depends on it. */
const RETRY_MS = 60_000

/** The connection comes from the pool, which the program needs, so the wait for one is too short to be noticed. */
const PATIENCE_MS = 1000

/** A silent server keeps a connection from the program no longer than this. */
const ANSWER_LIMIT_MS = 10_000

export interface ReportBoardPorts<C extends object> {
  readonly connections: ConnectionPool<C>
  readonly dialect: Dialect<C>
  readonly clock: Clock
  /** What there is to report of each session here. */
  reports(fromMs: number): readonly SessionReport[]
  /** Another program asks for a lock of this process. */
  requested(request: ReleaseRequest): void
  warn(message: string, error?: Error): void
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
  #cancel: Cancel | null = null
  #isClosed = false
  #isReported = false

  constructor(ports: ReportBoardPorts<C>) {
    this.#ports = ports
  }

  joined(link: LockLink): void {
    if (!link.keepsReports || this.#isClosed) return
    this.#links.set(link.serverId, link)
    this.#told.delete(link.serverId)
    if (this.#links.size === 1) this.#lookIn(LOOK_EVERY_MS)
  }

  left(link: LockLink): void {
    if (this.#links.get(link.serverId) !== link) return
    this.#links.delete(link.serverId)
    this.#told.delete(link.serverId)
    if (this.#links.size === 0) this.#stop()
  }

  close(): void {
    this.#isClosed = true
    this.#stop()
  }

  #stop(): void {
    this.#cancel?.()
    this.#cancel = null
  }

  #lookIn(delayMs: number): void {
    this.#cancel?.()
    this.#cancel = this.#ports.clock.after(delayMs, () => void this.#look())
  }

  async #look(): Promise<void> {
    const isNews = this.#news(this.#ports.clock.now()).length > 0
    const error = isNews ? await this.#write() : null
    if (this.#isClosed || this.#links.size === 0) return
    this.#lookIn(error === null ? LOOK_EVERY_MS : RETRY_MS)
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

  async #write(): Promise<Error | null> {
    const { connections, clock } = this.#ports
    const late = (): Error => new ConnectionError(`the server did not answer within ${ANSWER_LIMIT_MS} ms`)
    try {
      await connections.use((connection) => inTime(clock, ANSWER_LIMIT_MS, this.#writeTo(connection), late), {
        timeoutMs: PATIENCE_MS,
      })
    } catch (error) {
      if (!this.#isReported && !this.#isClosed)
        this.#ports.warn('ages of locks are not recorded', error as Error)
      this.#isReported = true
      // It is unknown how much of the report has arrived.
      this.#told.clear()
      return error as Error
    }
    this.#isReported = false
    return null
  }

  /** The state of now: the report may have waited for a connection. */
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
