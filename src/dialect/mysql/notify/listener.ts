import { Deferred } from '../../../base/deferred.js'
import { PoolerDetectedError } from '../../../base/errors.js'
import type { NotificationHandlers, ListeningConnection } from '../../dialect.js'
import { SWITCHED } from '../session/attach.js'
import { PUT_UP, SLEEP, SLEEP_UNTIL_FREE, SLEEP_UNTIL_FREE_OR_IN_LINE, TAKE_DOWN } from './notify-sql.js'
import type { NotificationListeners } from './listeners.js'
import { listenerName } from '../keys/lock-names.js'
import { errorNumber, INTERRUPTED } from '../connection/server-errors.js'
import type { OwnRow, ServerConnection } from '../connection/server-connection.js'

/** More than these are not looked at one by one: all are told to look. */
const MOST_LOOKED_AT = 1000

/**
 * The connection on which a process listens. It sleeps inside the server, and holds a name for each lock session of the
 * process; whoever gives up a lock that such a session waits for finds it by that name, and interrupts its sleep. Then it
 * looks which of the locks are free. It carries out one statement at a time, and is used for nothing else ever after: a
 * late interruption must not hit anybody's statement.
 */
export class MysqlListener implements ListeningConnection {
  readonly #server: ServerConnection
  readonly #listeners: NotificationListeners
  readonly #handlers: NotificationHandlers
  readonly #shown = new Map<ServerConnection, string>()
  readonly #checks: Deferred<void>[] = []
  /** There is something to do: resolves when it is no use to go on waiting. */
  #stir = new Deferred<void>()
  #isAsleep = false
  #isOver = false
  /** Somebody may have given up a lock that we listen for. */
  #wasInterrupted = false
  /** Nothing more is said. */
  readonly #isDead = new Deferred<void>()
  constructor(server: ServerConnection, bells: NotificationListeners, handlers: NotificationHandlers) {
    this.#server = server
    this.#listeners = bells
    this.#handlers = handlers
  }

  /** What the server calls its session. */
  get id(): number {
    return this.#server.threadId
  }

  /** Whether it sleeps in the server. */
  get isAsleep(): boolean {
    return this.#isAsleep
  }

  /** Resolves when it can be found by those who ring. */
  async start(): Promise<void> {
    this.#server.onEnd((cause) => this.#end(cause))
    this.#listeners.listens(this)
    await this.#showSessions()
    void this.#live()
  }

  /** Resolves when the statement under way is over. */
  check(): Promise<void> {
    const check = new Deferred<void>()
    if (this.#isOver) check.reject(new Error('it does not listen any more'))
    else this.#checks.push(check)
    this.#stir.resolve()
    return check.promise
  }

  /** Nobody can be told anything here but that a lock may be free. */
  async receivePublic(_strangers: boolean): Promise<void> {}

  /** Its connection ends with it. A server does not notice in the middle of a sleep that its client has gone. */
  async stop(): Promise<void> {
    const isHeard = !this.#isAsleep || this.#listeners.disturb(this.#server.threadId)
    this.#end(new Error('it does not listen any more'))
    if (!isHeard) return this.#server.destroy()
    await this.#isDead.promise
    await this.#server.close()
  }

  /** There is something to do. */
  wake(): void {
    this.#stir.resolve()
    if (this.#isAsleep) this.#listeners.disturb(this.#server.threadId)
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
      // Nothing that we say fails on a connection that is well.
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

  /** By the names of the sessions whoever rings finds this connection. */
  async #showSessions(): Promise<void> {
    for (const session of this.#listeners.sessions) {
      if (this.#shown.has(session)) continue
      const name = listenerName(session.threadId)
      this.#shown.set(session, name)
      await this.#ask(PUT_UP, [name])
    }
    for (const [session, name] of this.#shown) {
      if (this.#listeners.sessions.has(session)) continue
      this.#shown.delete(session)
      await this.#ask(TAKE_DOWN, [name])
    }
  }

  async #sleep(): Promise<void> {
    const locks = [...this.#listeners.armed.values()].filter(({ isLock }) => isLock)
    const names = locks.length > MOST_LOOKED_AT ? [] : locks.map(({ name }) => name)
    const look = this.#wasInterrupted ? SLEEP_UNTIL_FREE_OR_IN_LINE : SLEEP_UNTIL_FREE
    this.#wasInterrupted = false
    this.#isAsleep = true
    try {
      const row =
        names.length === 0 ? await this.#ask(SLEEP, []) : await this.#ask(look, [JSON.stringify(names)])
      if (names.length > 0 && row[0] !== null)
        for (const place of String(row[0]).split(',')) this.#tell(names[Number(place) - 1]!)
    } catch (error) {
      if (errorNumber(error) !== INTERRUPTED) throw error
      this.#interrupted(names.length === locks.length)
    } finally {
      this.#isAsleep = false
    }
  }

  /** The next look tells which locks are free. Nothing tells which semaphore has a free slot. */
  #interrupted(areLooked: boolean): void {
    this.#wasInterrupted = true
    for (const { name, isLock } of [...this.#listeners.armed.values()])
      if (!isLock || !areLooked) this.#tell(name)
  }

  /** Once for each attempt: one that is told again and again, and does not come, would keep us awake. */
  #tell(name: string): void {
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

/** An interruption does not say whose it was. */
const UNKNOWN = ''
