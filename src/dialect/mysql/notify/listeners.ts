import type { Wanted } from './registration-book.js'
import { interrupt } from './notify-sql.js'
import type { ServerConnection } from '../connection/server-connection.js'

/** The connection on which a pool listens. */
interface Wakeable {
  readonly id: number
  readonly isAsleep: boolean
  wake(): void
}

/** What the lock sessions of one pool and the connection on which it listens know of each other. */
export class NotificationListeners {
  /** What is waited for, and was not told to be free since it was last asked for. */
  readonly armed: Map<string, Wanted> = new Map()
  readonly sessions: Set<ServerConnection> = new Set()
  /** Sessions that wait in the server, and say nothing else meanwhile. */
  readonly #waiting = new Set<ServerConnection>()
  /** Usually one; for a moment there may be the next one already. */
  readonly #listeners = new Set<Wakeable>()

  joined(session: ServerConnection): void {
    this.sessions.add(session)
    this.changed()
  }

  /** It will do nothing more for us. */
  left(session: ServerConnection): void {
    if (!this.sessions.has(session)) return
    // With the last of them there is nobody left to disturb a bell that is about to be given up.
    if (this.sessions.size === 1 && !session.hasEnded)
      for (const bell of this.#listeners) if (bell.isAsleep) this.disturb(bell.id)
    this.sessions.delete(session)
    this.changed()
  }

  waits(session: ServerConnection, isWaiting: boolean): void {
    if (isWaiting) this.#waiting.add(session)
    else this.#waiting.delete(session)
  }

  listens(bell: Wakeable): void {
    this.#listeners.add(bell)
  }

  stopped(bell: Wakeable): void {
    this.#listeners.delete(bell)
  }

  /** There is something for the bell to do that it does not know of. */
  changed(): void {
    for (const bell of this.#listeners) bell.wake()
  }

  /** Interrupts the sleep of a bell of our own. False if there is no session to say it: the sleep ends by itself. */
  disturb(bell: number): boolean {
    const [first] = this.sessions
    const session = [...this.sessions].find((each) => !this.#waiting.has(each)) ?? first
    session?.say(interrupt(bell)).catch(() => undefined)
    return session !== undefined
  }
}
