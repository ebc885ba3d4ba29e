import { systemClock } from '../../../base/clock.js'
import { Deferred } from '../../../base/deferred.js'
import { PoolerDetectedError } from '../../../base/errors.js'
import type { NotificationHandlers, ListeningConnection } from '../../dialect.js'
import { SWITCHED } from '../session/attach.js'
import { RELEASE_NAME, TAKE_NAME } from './notify-sql.js'
import type { NotificationListeners } from './listeners.js'
import { resultOf, resultOfError, type WaitResult } from './wait-result.js'
import { listenerName, waitName } from '../keys/lock-names.js'
import { errorNumber, INTERRUPTED } from '../connection/server-errors.js'
import type { OwnRow, ServerConnection } from '../connection/server-connection.js'

/** How long the listener waits for a session to take its name. */
const NAME_LIMIT_MS = 100

/** If more locks than this are awaited, the statement does not check them, and all waiters are woken. */
const MOST_LOOKED_AT = 1000

/**
 * The connection on which a process listens. It waits inside the server, and holds a name for each lock session of the
 * process. A process that releases a lock finds the connection of a waiting session by that name, and interrupts its
 * wait with KILL QUERY. The wait is for a name that a lock session of the process holds. Without such a name it is a
 * sleep, during which MariaDB may serve KILL QUERY late. Then the connection checks which of the locks are free. It runs
 * one statement at a time, and is never used for anything else: a late interruption must not hit another statement.
 */
export class MysqlListener implements ListeningConnection {
  readonly #server: ServerConnection
  readonly #listeners: NotificationListeners
  readonly #handlers: NotificationHandlers
  readonly #shown = new Map<ServerConnection, string>()
  readonly #checks: Deferred<void>[] = []
  /** Resolves when there is something to do. */
  #stir = new Deferred<void>()
  #isStirred = false
  #isWaiting = false
  /** The session for whose name the listener waits. Null if it sleeps. */
  #nameHolder: ServerConnection | null = null
  /** Sessions whose names could not be waited for since the last real wait. */
  readonly #nameless = new Set<ServerConnection>()
  #isOver = false
  /** Whether another process may have released a lock since the last wait. */
  #wasInterrupted = false
  /** Resolves when no more statements are sent. */
  readonly #isDead = new Deferred<void>()
  constructor(server: ServerConnection, listeners: NotificationListeners, handlers: NotificationHandlers) {
    this.#server = server
    server.isPrompt = true
    this.#listeners = listeners
    this.#handlers = handlers
  }

  /** The server's id of its session. */
  get id(): number {
    return this.#server.threadId
  }

  /** Whether it waits in the server. */
  get isWaiting(): boolean {
    return this.#isWaiting
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
    this.#stirUp()
    return check.promise
  }

  /** The only message here is that a lock may be free, and every process can send it. */
  async receivePublic(_strangers: boolean): Promise<void> {}

  /** Ends the connection too. During a wait, a server does not notice that its client has gone. */
  async stop(): Promise<void> {
    const isHeard = !this.#isWaiting || this.#listeners.disturb(this.#server.threadId)
    this.#end(new Error('it does not listen any more'))
    if (!isHeard) return this.#server.destroy()
    await this.#isDead.promise
    await this.#server.close()
  }

  /** Interrupts the wait, because there is something to do. */
  wake(): void {
    this.#stirUp()
    if (this.#isWaiting) this.#listeners.disturb(this.#server.threadId)
  }

  #stirUp(): void {
    this.#isStirred = true
    this.#stir.resolve()
  }

  async #live(): Promise<void> {
    try {
      while (!this.#isOver) {
        const stir = (this.#stir = new Deferred<void>())
        this.#isStirred = false
        await this.#showSessions()
        await this.#answerChecks()
        if (this.#listeners.armed.size === 0) {
          await stir.promise
          continue
        }
        await this.#findNameHolder()
        // What has changed since must not wait until the statement ends.
        if (!this.#isStirred) await this.#wait()
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
      await this.#askAgain(TAKE_NAME, [name])
    }
    for (const [session, name] of this.#shown) {
      if (this.#listeners.sessions.has(session)) continue
      this.#shown.delete(session)
      await this.#askAgain(RELEASE_NAME, [name])
    }
  }

  /**
   * Finds the session for whose name the next statement waits. Null means that it sleeps instead. A session that
   * does not answer must not keep it from listening.
   */
  async #findNameHolder(): Promise<void> {
    const limit = new Deferred<null>()
    const cancel = systemClock.after(NAME_LIMIT_MS, () => limit.resolve(null), false)
    const holder = await Promise.race([this.#listeners.nameHolder(this.#nameless), limit.promise])
    cancel()
    // An interrupted statement may have acquired the name just before.
    const last = this.#nameHolder
    if (last !== null && last !== holder) await this.#release(waitName(last.threadId))
    this.#nameHolder = holder
  }

  async #wait(): Promise<void> {
    const holder = this.#nameHolder
    const locks = [...this.#listeners.armed.values()].filter(({ by }) => by !== 'permits')
    const looked = locks.length > MOST_LOOKED_AT ? [] : locks
    const { sleeps, waitsForName } = this.#listeners.statements
    const wait = holder === null ? sleeps : waitsForName
    const checked = this.#wasInterrupted ? wait.untilFreeOrQueued : wait.untilFree
    const statement = looked.length === 0 ? wait.unchecked : checked
    const parameters = [
      ...(holder === null ? [] : [waitName(holder.threadId)]),
      ...(looked.length === 0
        ? []
        : [JSON.stringify(looked.map(({ name, by }) => [name, by === 'writer' ? 1 : 0]))]),
    ]
    this.#wasInterrupted = false
    this.#isWaiting = true
    let result: WaitResult | null
    try {
      const row = await this.#ask(statement, parameters)
      result = resultOf(row, holder !== null)
      if (result === 'free')
        for (const place of String(row[0]).split(',')) this.#wakeWaiter(looked[Number(place) - 1]!.name)
    } catch (error) {
      result = resultOfError(error)
      if (result === null || (result === 'unable' && holder === null)) throw error
    } finally {
      this.#isWaiting = false
    }
    if (result === 'interrupted') this.#interrupted(looked.length === locks.length)
    if (result === 'unable') await this.#couldNotWait(holder!)
    else if (result !== 'free') this.#nameless.clear()
  }

  /**
   * The session has ended or is on another server. Until the next real wait, each session is tried once at most: then the
   * listener sleeps.
   */
  async #couldNotWait(holder: ServerConnection): Promise<void> {
    this.#nameless.add(holder)
    this.#listeners.lostName(holder)
    this.#nameHolder = null
    await this.#release(waitName(holder.threadId))
  }

  /** Releases the name also if it was acquired several times. */
  async #release(name: string): Promise<void> {
    let isHeld = true
    while (isHeld) isHeld = Number((await this.#askAgain(RELEASE_NAME, [name]))[0]) === 1
  }

  /** An interruption may also hit a short statement. Then it runs again. */
  async #askAgain(sql: string, values: readonly string[]): Promise<OwnRow> {
    for (;;) {
      try {
        return await this.#ask(sql, values)
      } catch (error) {
        if (errorNumber(error) !== INTERRUPTED) throw error
        this.#interrupted(true)
      }
    }
  }

  /**
   * The next statement checks which locks are free. No statement checks semaphores for free slots, so their waiters are
   * woken.
   */
  #interrupted(wereChecked: boolean): void {
    this.#wasInterrupted = true
    for (const { name, by } of [...this.#listeners.armed.values()])
      if (by === 'permits' || !wereChecked) this.#wakeWaiter(name)
  }

  /**
   * Wakes a waiter once per attempt. If a waiter that does not come were woken again and again, the listener would
   * never wait.
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
    this.#stirUp()
    for (const check of this.#checks.splice(0)) check.reject(cause)
    this.#handlers.onEnd(cause)
  }
}

/** An interruption does not say who sent it. */
const UNKNOWN = ''
