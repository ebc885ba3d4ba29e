import type { Cancel, Clock } from '../base/clock.js'
import type { NotificationHandlers } from '../dialect/dialect.js'

const NOW = Promise.resolve()

/** What a connection needs from its server. */
interface FakeConnectionHost {
  statements: number
  readonly clock: Clock
  end(connection: FakeConnection, cause?: Error): void
  armLease(connection: FakeConnection): Cancel
  travelMs(): number
}

/** One connection to a FakeServer. Messages arrive in order in each direction. */
export class FakeConnection {
  /** The server's id of its session. */
  readonly serverId: number
  readonly #server: FakeConnectionHost
  readonly #endListeners: ((cause: Error) => void)[] = []
  readonly #unanswered = new Set<(cause: Error) => void>()
  /** Why the server ended it. */
  #gone: Error | null = null
  /** The cause, once the client knows it. */
  #end: Error | null = null
  #isCutOff = false
  #cancelLease: Cancel | null = null
  /** Statements that follow one that waits in the server; null if none waits. */
  #behind: (() => void)[] | null = null
  #arrivesAt = 0
  #returnsAt = 0
  /** How long the server keeps the session's locks without hearing from it. */
  leaseMs: number = Infinity
  /** @internal The receiver of notifications. */
  handlers: NotificationHandlers | null = null
  /** Answers are lost: the server receives and executes statements. */
  isMute = false

  constructor(serverId: number, server: FakeConnectionHost) {
    this.serverId = serverId
    this.#server = server
  }

  /** Whether it is open, as far as the client knows. */
  get isOpen(): boolean {
    return this.#end === null
  }

  /** Messages are lost in both directions: the client does not even learn of the end. */
  get isCutOff(): boolean {
    return this.#isCutOff
  }

  /** When the network is restored, each side learns at once if the other has ended the session meanwhile. */
  set isCutOff(isCut: boolean) {
    this.#isCutOff = isCut
    if (isCut) return
    if (this.#gone !== null) this.#learnOfEnd(this.#gone)
    else if (this.#end !== null) this.#server.end(this, this.#end)
  }

  /** Called once; at once if the connection has ended already. */
  onEnd(listener: (cause: Error) => void): void {
    if (this.#end === null) this.#endListeners.push(listener)
    else listener(this.#end)
  }

  /** @internal Sends a statement; `work` is what the server does when it arrives. */
  ask<T>(work: () => T): Promise<T> {
    return this.askLater((answer) => answer(work()))
  }

  /**
   * @internal Like `ask`, for a statement that waits in the server. Until it is answered the session executes nothing
   * else.
   */
  askLater<T>(work: (answer: (result: T) => void, fail: (error: Error) => void) => void): Promise<T> {
    if (this.#end !== null) return Promise.reject(this.#end)
    return new Promise((resolve, reject) => {
      this.#unanswered.add(reject)
      const answer = (act: () => void): void => {
        if (this.isCutOff || this.isMute) return
        this.#inOrder('back', () => {
          if (this.#unanswered.delete(reject)) act()
        })
      }
      this.#inOrder('there', () => {
        if (this.#gone !== null || this.#isCutOff) return
        this.#inTurn(() => {
          this.#server.statements++
          this.#received()
          this.#behind = []
          const fail = (error: Error): void => {
            answer(() => reject(error))
            this.#goOn()
          }
          try {
            work((result) => {
              answer(() => resolve(result))
              this.#goOn()
            }, fail)
          } catch (error) {
            fail(error as Error)
          }
        })
      })
    })
  }

  /** @internal A notification for a listener on this connection. */
  deliver(deliver: (handlers: NotificationHandlers) => void): void {
    this.#inTurn(() => {
      if (this.handlers === null || this.isCutOff) return
      this.#inOrder('back', () => {
        if (this.handlers !== null) deliver(this.handlers)
      })
    })
  }

  /** @internal For the server: the session is gone. */
  ended(cause: Error): void {
    this.#cancelLease?.()
    this.#cancelLease = null
    this.handlers = null
    this.#behind = null
    this.#gone = cause
    if (!this.#isCutOff) this.#learnOfEnd(cause)
  }

  /** @internal The client has closed it, without the server's knowledge. */
  leave(cause: Error): void {
    this.#learnOfEnd(cause)
  }

  #learnOfEnd(cause: Error): void {
    if (this.#end !== null) return
    this.#end = cause
    for (const reject of this.#unanswered) reject(cause)
    this.#unanswered.clear()
    for (const listener of this.#endListeners.splice(0)) listener(cause)
  }

  #inTurn(act: () => void): void {
    if (this.#behind === null) act()
    else this.#behind.push(act)
  }

  /** A statement is done: executes the statements that follow, up to the next one that waits. */
  #goOn(): void {
    const behind = this.#behind ?? []
    this.#behind = null
    for (const act of behind) this.#inTurn(act)
  }

  #received(): void {
    this.#cancelLease?.()
    this.#cancelLease = this.#server.armLease(this)
  }

  /** Runs `act` after the previous message in the same direction, however long that takes. */
  #inOrder(direction: 'there' | 'back', act: () => void): void {
    const { clock } = this.#server
    const now = clock.now()
    const due = now + this.#server.travelMs()
    const at = Math.max(due, direction === 'there' ? this.#arrivesAt : this.#returnsAt)
    if (direction === 'there') this.#arrivesAt = at
    else this.#returnsAt = at
    // With a promise: test frameworks control timers and queueMicrotask, so no message would arrive.
    if (at === now) void NOW.then(act)
    else clock.after(at - now, act)
  }
}
