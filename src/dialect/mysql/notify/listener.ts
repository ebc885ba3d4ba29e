import { Deferred } from '../../../base/deferred.js'
import { PoolerDetectedError } from '../../../base/errors.js'
import type { NotificationHandlers, ListeningConnection } from '../../dialect.js'
import { SWITCHED } from '../session/attach.js'
import {
  TAKE_LISTENER_NAME,
  SLEEP,
  SLEEP_UNTIL_FREE,
  SLEEP_UNTIL_FREE_OR_QUEUED,
  RELEASE_LISTENER_NAME,
} from './notify-sql.js'
import type { NotificationListeners } from './listeners.js'
import { listenerName } from '../keys/lock-names.js'
import { errorNumber, INTERRUPTED } from '../connection/server-errors.js'
import type { OwnRow, ServerConnection } from '../connection/server-connection.js'

/** If more locks than this are awaited, the statement does not check them, and all waiters are woken. */
const MOST_LOOKED_AT = 1000

/**
 * The connection on which a process listens. It sleeps inside the server, and holds a name for each lock session of the
 * process. A process that releases a lock finds the connection of a waiting session by that name, and interrupts its
 * sleep with KILL QUERY. Then the connection checks which of the locks are free. It runs one statement at a time, and
 * is never used for anything else: a late interruption must not hit another statement.
 */
export class MysqlListener implements ListeningConnection {
  readonly #server: ServerConnection
  readonly #listeners: NotificationListeners
  readonly #handlers: NotificationHandlers
  readonly #shown = new Map<ServerConnection, string>()
  readonly #checks: Deferred<void>[] = []
  /** Resolves when there is something to do. */
  #stir = new Deferred<void>()
  #isSleeping = false
  #isOver = false
  /** Whether another process may have released a lock since the last sleep. */
  #wasInterrupted = false
  /** Resolves when no more statements are sent. */
  readonly #isDead = new Deferred<void>()
  constructor(server: ServerConnection, listeners: NotificationListeners, handlers: NotificationHandlers) {
    this.#server = server
    this.#listeners = listeners
    this.#handlers = handlers
  }

  /** The server's id of its session. */
  get id(): number {
    return this.#server.threadId
  }

  /** Whether it sleeps in the server. */
  get isSleeping(): boolean {
    return this.#isSleeping
  }

  /** Resolves when releasing processes can find it. */
  async start(): Promise<void> {
    this.#server.onEnd((cause) => this.#end(cause))
    this.#listeners.listens(this)
    await this.#showSessions()
    void this.#live()
  }

  /** Resolves when the running statement is over and the connection has answered a ping. */
  check(): Promise<void> {
    const check = new Deferred<void>()
    if (this.#isOver) check.reject(new Error('it does not listen any more'))
    else this.#checks.push(check)
    this.#stir.resolve()
    return check.promise
  }

  /** The only message here is that a lock may be free, and every process can send it. */
  async receivePublic(_strangers: boolean): Promise<void> {}

  /** Ends the connection too. During a sleep, a server does not notice that its client has gone. */
  async stop(): Promise<void> {
    const isHeard = !this.#isSleeping || this.#listeners.disturb(this.#server.threadId)
    this.#end(new Error('it does not listen any more'))
    if (!isHeard) return this.#server.destroy()
    await this.#isDead.promise
    await this.#server.close()
  }

  /** Interrupts the sleep, because there is something to do. */
  wake(): void {
    this.#stir.resolve()
    if (this.#isSleeping) this.#listeners.disturb(this.#server.threadId)
  }

  async #live(): Promise<void> {
    try {
      while (!this.#isOver) {
        const stir = (this.#stir = new Deferred<void>())
        await this.#showSessions()
        await this.#answerChecks()
        if (this.#listeners.armed.size > 0) await this.#sleep()
        else await stir.promise
      }
    } catch (error) {
      // Our statements do not fail on a healthy connection.
      this.#end(error as Error)
      this.#server.destroy()
    } finally {
      this.#isDead.resolve()
    }
  }

  async #answerChecks(): Promise<void> {
    if (this.#checks.length === 0) return
    const checks = this.#checks.splice(0)
    await this.#server.ping().catch((error: unknown) => {
      for (const check of checks) check.reject(error)
      throw error
    })
    for (const check of checks) check.resolve()
  }

  /** Takes the names by which releasing processes find this connection, one for each session. */
  async #showSessions(): Promise<void> {
    for (const session of this.#listeners.sessions) {
      if (this.#shown.has(session)) continue
      const name = listenerName(session.threadId)
      this.#shown.set(session, name)
      await this.#ask(TAKE_LISTENER_NAME, [name])
    }
    for (const [session, name] of this.#shown) {
      if (this.#listeners.sessions.has(session)) continue
      this.#shown.delete(session)
      await this.#ask(RELEASE_LISTENER_NAME, [name])
    }
  }

  async #sleep(): Promise<void> {
    const locks = [...this.#listeners.armed.values()].filter(({ isLock }) => isLock)
    const names = locks.length > MOST_LOOKED_AT ? [] : locks.map(({ name }) => name)
    const look = this.#wasInterrupted ? SLEEP_UNTIL_FREE_OR_QUEUED : SLEEP_UNTIL_FREE
    this.#wasInterrupted = false
    this.#isSleeping = true
    try {
      const row =
        names.length === 0 ? await this.#ask(SLEEP, []) : await this.#ask(look, [JSON.stringify(names)])
      if (names.length > 0 && row[0] !== null)
        for (const place of String(row[0]).split(',')) this.#wakeWaiter(names[Number(place) - 1]!)
    } catch (error) {
      if (errorNumber(error) !== INTERRUPTED) throw error
      this.#interrupted(names.length === locks.length)
    } finally {
      this.#isSleeping = false
    }
  }

  /**
   * The next statement checks which locks are free. No statement checks semaphores for free slots, so their waiters are
   * woken.
   */
  #interrupted(wereChecked: boolean): void {
    this.#wasInterrupted = true
    for (const { name, isLock } of [...this.#listeners.armed.values()])
      if (!isLock || !wereChecked) this.#wakeWaiter(name)
  }

  /**
   * Wakes a waiter once per attempt. If a waiter that does not come were woken again and again, the listener would
   * never sleep.
   */
  #wakeWaiter(name: string): void {
    this.#listeners.armed.delete(name)
    this.#handlers.onWakeUp(name, UNKNOWN)
  }

  async #ask(sql: string, values: readonly string[]): Promise<OwnRow> {
    const row = await this.#server.ask(sql, values)
    if (Number(row.at(-1)) !== this.#server.threadId) throw new PoolerDetectedError(SWITCHED)
    return row
  }

  #end(cause: Error): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#listeners.stopped(this)
    this.#stir.resolve()
    for (const check of this.#checks.splice(0)) check.reject(cause)
    this.#handlers.onEnd(cause)
  }
}

/** An interruption does not say who sent it. */
const UNKNOWN = ''
