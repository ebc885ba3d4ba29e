import type { Clock } from '../../../base/clock.js'
import { ConnectionError } from '../../../base/errors.js'
import { Observer, type SilentMember } from '../../rows/observer.js'
import type { Backend } from '../schema/backend-claim.js'
import { READ_BACKEND } from '../schema/backend-sql.js'
import { isLockpoolStatement } from '../locks/own-statements.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { LOOK_AGAIN, MEMBERS, OTHER_SESSIONS } from './move-backend-sql.js'

/** Finds who still uses the locks of a namespace. */
export class BackendUsers {
  readonly #connection: ServerConnection
  readonly #namespace: string
  /** Null: not known, so that users of both backends count. */
  readonly #backend: Backend | null
  readonly #observer: Observer
  readonly #clock: Clock
  #silent: readonly SilentMember[] = []

  constructor(connection: ServerConnection, namespace: string, backend: Backend | null, clock: Clock) {
    this.#connection = connection
    this.#namespace = namespace
    this.#backend = backend
    this.#observer = new Observer(clock)
    this.#clock = clock
  }

  /**
   * The members that were not counted at the last look, because their heartbeats have stood still for their leases. They
   * have to be declared dead: one that is only frozen would go on otherwise.
   */
  get silent(): readonly SilentMember[] {
    return this.#silent
  }

  /** In words, for people. */
  async look(): Promise<string[]> {
    return [
      ...(this.#backend === 'table' ? [] : await this.#sessions()),
      ...(this.#backend === 'advisory' ? [] : await this.#members()),
    ]
  }

  /**
   * The lock sessions of pools with session locks, in any namespace, because the server does not know the namespace of a
   * session.
   */
  async #sessions(): Promise<string[]> {
    await this.#connection.query(LOOK_AGAIN)
    const { rows: found } = await this.#connection.query<{
      pid: number
      application: string
      query: string | null
    }>(OTHER_SESSIONS)
    const unseen = found.filter(({ query }) => query === null || query === '<insufficient privilege>')
    if (unseen.length > 0) {
      throw new ConnectionError(
        `this role may not see what ${unseen.length} other sessions do, of which some may be lock sessions: move as a role that may (pg_monitor)`,
        { retryable: false },
      )
    }
    return found
      .filter(
        ({ query }) =>
          isLockpoolStatement(query!) || READ_BACKEND.trim().startsWith(query!.trim().slice(0, 60)),
      )
      .map(({ pid, application }) => `${application} (pid ${pid})`)
  }

  /** The members of pools with rows, without those whose heartbeat has not moved for their lease. */
  async #members(): Promise<string[]> {
    const sentAt = this.#clock.now()
    const { rows } = await this.#connection.query<{ others: string | null; living: string | null }>(MEMBERS, [
      this.#namespace,
    ])
    const { others, living } = rows[0]!
    this.#silent = this.#observer.saw(others, sentAt)
    const silent = new Set(this.#silent.map(({ id }) => id))
    const names = JSON.parse(living ?? '{}') as Record<string, string>
    return Object.entries(names)
      .filter(([id]) => !silent.has(id))
      .map(([, name]) => name)
  }
}
