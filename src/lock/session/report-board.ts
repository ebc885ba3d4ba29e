import type { Cancel, Clock } from '../../base/clock.js'
import { ConnectionError } from '../../base/errors.js'
import { inTime } from '../../base/in-time.js'
import type { Dialect, LockLink } from '../../dialect/dialect.js'
import { encodeReport, type ReportRow, type SessionReport } from '../../dialect/session-report.js'
import type { ConnectionPool } from '../../pool/connection-pool.js'

const LOOK_EVERY_MS = 1000

/** What is held or waited for this long is told. What is over sooner is over before anybody could look, and costs nothing. */
export const TELL_FROM_MS = 2000

/** A session of which there is nothing to tell is told of again after this long, so that it is not swept away. */
const TELL_AGAIN_MS = 3_600_000

/** Rarer when the last attempt has failed: nothing depends on it. */
const RETRY_MS = 60_000

/** The connection is borrowed from the program's own, so this waits for one no longer than nobody notices. */
const PATIENCE_MS = 1000

/** A connection of the program's is not kept from it by a silent server. */
const ANSWER_LIMIT_MS = 10_000

export interface ReportBoardPorts<C extends object> {
  readonly connections: ConnectionPool<C>
  readonly dialect: Dialect<C>
  readonly clock: Clock
  /** What there is to tell of each session here. */
  reports(fromMs: number): readonly SessionReport[]
  warn(message: string, error?: Error): void
}

type News = ReportRow & { readonly told: Told }

interface Told {
  readonly content: string
  readonly at: number
}

/**
 * Writes down, where the database has a place for that, since when the locks of this process are held, what for, and by which
 * process: the server knows none of it, and whoever is called because something is stuck needs all of it. Once a second, and
 * only of what lasts, so that the way of a lock costs nothing more. It is written rather than asked for, because whoever is
 * stuck may be past answering.
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

  /** Of the sessions that have something to tell, or have had: whoever reads it relies on what was said a moment ago. */
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
      // Nobody can tell what of it has arrived.
      this.#told.clear()
      return error as Error
    }
    this.#isReported = false
    return null
  }

  /** As it is now: for a connection it may have been waited. */
  async #writeTo(connection: C): Promise<void> {
    const now = this.#ports.clock.now()
    const news = this.#news(now)
    if (news.length === 0) return
    await this.#ports.dialect.writeReports(connection, news, now)
    for (const { serverId, told } of news) if (this.#links.has(serverId)) this.#told.set(serverId, told)
  }
}
