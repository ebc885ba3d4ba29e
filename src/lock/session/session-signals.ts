import type { Clock } from '../../base/clock.js'
import { ConnectionError } from '../../base/errors.js'
import { inTime } from '../../base/in-time.js'
import type { LockLink } from '../../dialect/dialect.js'
import type { KeyCode, LockMode } from '../../dialect/lock-key.js'
import type { Agenda } from '../agenda/agenda.js'
import type { NotifyRequest } from './outgoing-batch.js'

/** The most questions for holders at the same time: each makes the server walk through all its locks. */
const MAX_LOOKUPS = 4

const NOW = Promise.resolve()
const NOBODY_KNOWS = Promise.resolve(null)

export interface SignalsHost {
  readonly agenda: Agenda
  readonly clock: Clock
  readonly link: LockLink
  readonly isOver: boolean
  warn(message: string, error?: Error): void
}

/**
 * What a session sends to other processes and asks about them, besides its batches: each in a separate statement. None
 * of it decides who holds a lock: if it fails, nothing else has failed.
 */
export class SessionSignals {
  readonly #host: SignalsHost
  #toNotify: NotifyRequest[] = []
  readonly #lookups = new Map<string, Promise<string | null>>()

  constructor(host: SignalsHost) {
    this.#host = host
  }

  /** Wakes the other processes that wait for the key. */
  notify(request: NotifyRequest): void {
    this.#toNotify.push(request)
    if (this.#toNotify.length > 1) return
    void NOW.then(() => {
      const requests = this.#toNotify
      this.#toNotify = []
      if (!this.#host.isOver) this.notifyNow(requests)
    })
  }

  /** Sends these without waiting for further wake-ups. */
  notifyNow(requests: readonly NotifyRequest[]): void {
    // Local callers that want the key again wait for the answer, and none may wait forever.
    const late = (): Error => new ConnectionError('the server did not answer in time')
    const sent = this.#host.link.notify(requests.map(({ key }) => key))
    inTime(this.#host.clock, this.#host.link.leaseMs, sent, late).then(
      (wanted) => this.#notified(requests, (request) => wanted.has(request.key.id)),
      (error: unknown) => {
        this.#host.warn('sending wake-ups failed', error as Error)
        this.#notified(requests, () => true)
      },
    )
  }

  #notified(requests: readonly NotifyRequest[], isWanted: (request: NotifyRequest) => boolean): void {
    this.#host.agenda.run(() => {
      for (const request of requests) request.notified(isWanted(request))
    })
  }

  /** Announces a ticket to the other waiting processes. */
  sendTicket(key: KeyCode): void {
    this.#host.link
      .sendTicket(key)
      .catch((error: unknown) => this.#host.warn('announcing a ticket failed', error as Error))
  }

  /** Sends a message of the deadlock detector to the other waiting processes. */
  broadcast(message: string): void {
    this.#host.link
      .broadcast(message)
      .catch((error: unknown) => this.#host.warn('looking for a deadlock failed', error as Error))
  }

  async isHeldElsewhere(key: KeyCode): Promise<boolean> {
    return (await this.holderOf(key)) !== null
  }

  /** Whether other programs, or processes, wait for the key in the server's queue. */
  async isQueuedFor(key: KeyCode): Promise<boolean> {
    if (this.#host.isOver) return false
    try {
      return await this.#host.link.isQueuedFor(key)
    } catch {
      return false
    }
  }

  /** Whether another session waits for a key that this one holds. */
  async isWanted(key: KeyCode): Promise<boolean> {
    if (this.#host.isOver) return false
    try {
      return await this.#host.link.isWanted(key)
    } catch {
      return false
    }
  }

  /** The reason for the lock-delay of this key need not delay another process. Sent at once, and so before the release. */
  delayEnded({ key, mode }: { readonly key: KeyCode; readonly mode: LockMode }): void {
    this.#host.link.delayEnded(key, mode).catch((error: unknown) => {
      this.#host.warn('a hold record of a former holder could not be removed', error as Error)
    })
  }

  /**
   * The holder in words, for a message to callers whose wait has failed; null if it is unknown. All callers that ask at
   * the same time share one query.
   */
  holderOf(key: KeyCode): Promise<string | null> {
    const underWay = this.#lookups.get(key.id)
    if (underWay !== undefined) return underWay
    if (this.#host.isOver || this.#lookups.size >= MAX_LOOKUPS) return NOBODY_KNOWS
    const lookup = this.#host.link
      .holderOf(key)
      // The answer would have been useful, but nothing depends on it.
      .catch(() => null)
      .finally(() => this.#lookups.delete(key.id))
    this.#lookups.set(key.id, lookup)
    return lookup
  }
}
