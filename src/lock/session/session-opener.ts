import type { Clock, Instant } from '../../base/clock.js'
import { ConnectionError, LockError } from '../../base/errors.js'
import { orAbort } from '../../base/or-abort.js'
import type { BorrowSecond, Dialect, LinkSettings, LockLink } from '../../dialect/dialect.js'
import type { ConnectionPool } from '../../pool/connection-pool.js'
import type { Lease } from '../../pool/lease.js'
import { borrowFrom } from './borrow.js'
import type { Session } from './session.js'

/**
 * How long it may take to make a connection a lock session: two round trips, the fence on the very first use, and behind
 * a pooler a test with a second connection.
 */
const ATTACH_TIMEOUT_MS = 10_000

interface OpenerHost<C extends object> {
  readonly clock: Clock
  /** Called before the session's first lock; if it rejects, there is no session. */
  joined(link: LockLink): Promise<void>
  detached(link: LockLink): void
  make(link: LockLink, renewedAt: Instant, connection: (C & Lease) | null): Session
  /** A borrower wants the connection: returns whether it will be free soon. */
  spare(session: Session): boolean
  abandon(link: LockLink): void
  /** An attempt that was given up runs on: the pool stays open for it. */
  unfinished(work: Promise<void>): void
}

interface OpenerOptions {
  readonly link: LinkSettings
  /** The most connections of the pool. If it is 1, sessions and borrowers share it. */
  readonly max: number
}

/** Opens lock sessions: each on its own connection, or over connections that are borrowed for each statement. */
export class SessionOpener<C extends object> {
  readonly #pool: ConnectionPool<C>
  readonly #dialect: Dialect<C>
  readonly #options: OpenerOptions
  readonly #host: OpenerHost<C>

  constructor(pool: ConnectionPool<C>, dialect: Dialect<C>, options: OpenerOptions, host: OpenerHost<C>) {
    this.#pool = pool
    this.#dialect = dialect
    this.#options = options
    this.#host = host
  }

  /** Rejects with the reason, or when the signal aborts. */
  open(signal: AbortSignal): Promise<Session> {
    return this.#dialect.join === undefined ? this.#attach(signal) : this.#join(signal)
  }

  async #attach(signal: AbortSignal): Promise<Session> {
    let session: Session | null = null
    const onWanted = (): boolean => session !== null && this.#host.spare(session)
    // If there is only one connection, the first to come goes first.
    const reserved = this.#options.max > 1
    const connection = await this.#pool.connect({ reserved, timeoutMs: Infinity, signal, onWanted })
    const attachedAt = this.#host.clock.instant()
    const ended = (cause: Error): void => {
      if (session === null) attempt.abort(cause)
      // Our own errors say what is wrong.
      else session.lose(cause instanceof LockError ? cause.message : 'its connection ended', cause)
    }
    const attempt = new AbortController()
    const second = this.#secondConnection(attempt.signal)
    const cancel = this.#host.clock.after(ATTACH_TIMEOUT_MS, () => {
      const what = second.isInUse
        ? 'a second connection, to test the first, did not work'
        : 'the server did not answer'
      attempt.abort(new ConnectionError(`${what} within ${ATTACH_TIMEOUT_MS} ms`))
    })
    let joining: LockLink | null = null
    try {
      const another = this.#options.max === 1 ? null : second.borrow
      const link = await orAbort(
        this.#dialect.attach(connection, this.#options.link, ended, another),
        attempt.signal,
      )
      joining = link
      await orAbort(this.#host.joined(link), attempt.signal)
      const renewedAt = await orAbort(this.#renewed(link, attachedAt), attempt.signal)
      return (session = this.#host.make(link, renewedAt, connection))
    } catch (error) {
      if (joining !== null) this.#host.detached(joining)
      connection.release(error as Error)
      throw error
    } finally {
      cancel()
    }
  }

  /** Like `#attach`, for a session that borrows connections. */
  async #join(signal: AbortSignal): Promise<Session> {
    let session: Session | null = null
    const attempt = new AbortController()
    const ended = (cause: Error): void => {
      if (session === null) attempt.abort(cause)
      else session.lose(cause.message, cause)
    }
    const given = AbortSignal.any([signal, attempt.signal])
    const borrow = borrowFrom(
      this.#pool,
      this.#host.clock,
      Math.min(this.#options.link.leaseMs, ATTACH_TIMEOUT_MS),
    )
    const joinedAt = this.#host.clock.instant()
    const joining = this.#dialect.join!(borrow, this.#options.link, ended, given)
    try {
      const link = await orAbort(joining, given)
      await orAbort(this.#host.joined(link), given)
      const renewedAt = await orAbort(this.#renewed(link, joinedAt), given)
      return (session = this.#host.make(link, renewedAt, null))
    } catch (error) {
      const host = this.#host
      host.unfinished(
        joining.then(
          (link) => {
            host.detached(link)
            host.abandon(link)
          },
          () => undefined,
        ),
      )
      throw error
    }
  }

  /** Attaching may have taken long, for example if another session has locked our tables. Any answer renews the lease. */
  async #renewed(link: LockLink, attachedAt: Instant): Promise<Instant> {
    if (this.#host.clock.since(attachedAt) < link.leaseMs / 3) return attachedAt
    const sentAt = this.#host.clock.instant()
    await link.heartbeat()
    return sentAt
  }

  /**
   * For a dialect that needs a second connection to test the first. When the attempt is over, that connection is checked
   * in.
   */
  #secondConnection(signal: AbortSignal): { readonly borrow: BorrowSecond<C>; isInUse: boolean } {
    const borrower = {
      isInUse: false,
      borrow: async <T>(use: (connection: C) => Promise<T>): Promise<T> => {
        borrower.isInUse = true
        const second = await this.#pool.connect({ reserved: true, timeoutMs: Infinity, signal })
        try {
          const result = await orAbort(use(second), signal)
          second.release()
          return result
        } catch (error) {
          second.release(error as Error)
          throw error
        }
      },
    }
    return borrower
  }
}
