import type { Clock } from '../../../base/clock.js'
import { Observer } from '../../rows/observer.js'
import { errorNumber, NO_SUCH_TABLE } from '../connection/server-errors.js'
import type { OwnRow, ServerConnection } from '../connection/server-connection.js'
import { USE_SLOTS, USERS } from '../records/backend-sql.js'
import { WHO } from '../session/attach-sql.js'
import { BURY, CALL_SWEEP } from '../table/member-sql.js'
import { MEMBERS } from './move-backend-sql.js'

const ALL_SLOTS = JSON.stringify(Array.from({ length: USE_SLOTS }, (_, i) => i))

/** Finds who still uses the locks of a namespace. */
export class BackendUsers {
  readonly #server: ServerConnection
  readonly #namespace: string
  readonly #observer: Observer
  readonly #clock: Clock

  constructor(server: ServerConnection, namespace: string, clock: Clock) {
    this.#server = server
    this.#namespace = namespace
    this.#observer = new Observer(clock)
    this.#clock = clock
  }

  /** In words, for people. `from` is the previous backend; null means that users of both count. */
  async look(from: 'named' | 'table' | null): Promise<string[]> {
    return [
      ...(from === 'table' ? [] : await this.#sessions()),
      ...(from === 'named' ? [] : await this.#members()),
    ]
  }

  async #sessions(): Promise<string[]> {
    const rows = await this.#server.say(USERS, [this.#namespace, ALL_SLOTS])
    const users: string[] = []
    for (const [id] of rows) {
      // oxlint-disable-next-line no-await-in-loop -- one connection
      const [who] = await this.#server.say(WHO, [id!])
      users.push(
        who === undefined ? `connection ${id}` : `connection ${id} of ${String(who[0])} at ${String(who[1])}`,
      )
    }
    return users
  }

  /**
   * The living members. One whose heartbeat has not moved for its lease is declared dead, as any other member would do,
   * and what dead members have left is removed: their rows would keep an old token.
   */
  async #members(): Promise<string[]> {
    const sentAt = this.#clock.now()
    const members = await this.#readMembers()
    const beats = members.map(([id, beat, leaseMs, dead]) =>
      [id, beat, leaseMs, Number(dead) === 1 ? 'd' : ''].join(':'),
    )
    const silent = this.#observer.saw(beats.length === 0 ? null : beats.join(' '), sentAt)
    const gone = new Set(members.filter(([, , , dead]) => Number(dead) === 1).map(([id]) => String(id)))
    for (const { id, beat } of silent)
      // oxlint-disable-next-line no-await-in-loop -- one connection
      if ((await this.#server.change(BURY, [id, beat])) > 0) gone.add(id)
    // oxlint-disable-next-line no-await-in-loop -- the same
    for (const id of gone) await this.#server.call(CALL_SWEEP, [id])
    return members.filter(([id]) => !gone.has(String(id))).map(([, , , , name]) => String(name))
  }

  async #readMembers(): Promise<readonly OwnRow[]> {
    try {
      return await this.#server.say(MEMBERS, [this.#namespace])
    } catch (error) {
      if (errorNumber(error) === NO_SUCH_TABLE) return []
      throw error
    }
  }
}
