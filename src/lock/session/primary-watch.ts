import type { Clock } from '../../base/clock.js'
import { ConnectionError } from '../../base/errors.js'
import type { ServerName } from '../../dialect/server-name.js'
import type { Emitter } from '../../base/emitter.js'
import type { LockEvents } from '../lock-events.js'
import type { LockPoolOptions } from '../lock-pool-options.js'

/** What is known of the server on which locks are taken, as plain JSON. */
export interface PrimarySnapshot {
  /** The address of the connection: `host:port`. With a load balancer it is the balancer's. */
  readonly host: string
  /** PostgreSQL's timeline: it grows with each promotion. Null if unknown. */
  readonly timeline: number | null
  /** How often the primary has changed since the pool was created. */
  readonly changes: number
  /** How long the pool had no primary at the last change, in milliseconds; 0 before the first. */
  readonly downMs: number
}

/** How a server relates to the previous one. */
export type ServerRelation =
  /** The same server, or a restart of it, as far as can be determined. */
  | 'same'
  /** Another server has been promoted. */
  | 'promoted'
  /** Its history is older than one seen before: an old primary has come back. */
  | 'returned'
  /** It is not related to the previous server: another cluster. */
  | 'stranger'

/** Pure: the relation to the previous server. Unknown facts count as equal. */
export function relationTo(before: ServerName, now: ServerName): ServerRelation {
  if (before.system !== null && now.system !== null && before.system !== now.system) return 'stranger'
  if (before.timeline !== null && now.timeline !== null) {
    if (now.timeline > before.timeline) return 'promoted'
    return now.timeline < before.timeline ? 'returned' : 'same'
  }
  if (before.instance !== null && now.instance !== null)
    return before.instance === now.instance ? 'same' : 'promoted'
  const isAnother = before.host !== now.host && before.started !== now.started
  return isAnother ? 'promoted' : 'same'
}

export interface PrimaryWatchHost {
  readonly clock: Clock
  changed(event: LockEvents['primary:changed']): void
  warn(message: string): void
}

/** Notices when the locks of this pool move to another server, and how long there was none. */
export class PrimaryWatch {
  readonly #host: PrimaryWatchHost
  readonly #allowsStrangers: boolean
  #last: ServerName | null = null
  #downSince: number | null = null
  #changes = 0
  #downMs = 0

  constructor(host: PrimaryWatchHost, allowsStrangers: boolean) {
    this.#host = host
    this.#allowsStrangers = allowsStrangers
  }

  /** The last session has ended, or none could be opened. */
  down(): void {
    this.#downSince ??= this.#host.clock.now()
  }

  /**
   * A session is about to be used on this server.
   *
   * @throws {ConnectionError} it belongs to another cluster than the previous server
   */
  check(server: ServerName): void {
    const last = this.#last
    if (last === null || this.#allowsStrangers || relationTo(last, server) !== 'stranger') return
    throw new ConnectionError(
      `${server.host} belongs to another database cluster (${server.system}) than ${last.host} before (${last.system}), ` +
        'where others may still hold the same locks; "otherCluster" allows it',
      { retryable: false },
    )
  }

  /** A session is open on this server. */
  opened(server: ServerName): void {
    const last = this.#last
    const now = this.#host.clock.now()
    const downMs = this.#downSince === null ? 0 : Math.round(now - this.#downSince)
    const became = last === null ? 'same' : relationTo(last, server)
    // Facts that are unknown this time stay as they were.
    this.#last = {
      ...server,
      timeline: server.timeline ?? (became === 'same' ? (last?.timeline ?? null) : null),
      system: server.system ?? last?.system ?? null,
    }
    this.#downSince = null
    if (became === 'same') return
    this.#changes++
    this.#downMs = downMs
    if (became === 'returned')
      this.#host.warn(
        `the primary is back on timeline ${server.timeline}, after ${last!.timeline}: an old primary has returned, and what ` +
          'was written since it was one may be gone',
      )
    this.#host.changed({ host: server.host, timeline: server.timeline, downMs })
  }

  snapshot(): PrimarySnapshot | null {
    if (this.#last === null) return null
    const { host, timeline } = this.#last
    return { host, timeline, changes: this.#changes, downMs: this.#downMs }
  }
}

/** The parts of the engine that it uses. */
interface Watched {
  readonly clock: Clock
  readonly events: Emitter<LockEvents>
  warn(message: string): void
}

export function watchPrimary(
  engine: Watched,
  otherCluster: Required<LockPoolOptions>['otherCluster'],
): PrimaryWatch {
  const { clock } = engine
  const changed = (event: LockEvents['primary:changed']): void => engine.events.emit('primary:changed', event)
  const warn = (message: string): void => engine.warn(message)
  return new PrimaryWatch({ clock, changed, warn }, otherCluster === 'allow')
}
