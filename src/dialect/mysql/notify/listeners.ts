import type { Wanted } from './registration-book.js'
import { interrupt } from './notify-sql.js'
import type { ServerConnection } from '../connection/server-connection.js'

/** The connection on which a pool listens. */
interface Wakeable {
  readonly id: number
  readonly isSleeping: boolean
  wake(): void
}

/** Connects the lock sessions of one pool with its listening connections. */
export class NotificationListeners {
  /** The keys that callers wait for and that were not reported free since the last attempt. */
  readonly armed: Map<string, Wanted> = new Map()
  readonly sessions: Set<ServerConnection> = new Set()
  /** Sessions that wait in the server. They can send nothing until the wait ends. */
  readonly #waiting = new Set<ServerConnection>()
  /** Usually one listener; for a moment there may be two. */
  readonly #listeners = new Set<Wakeable>()

  joined(session: ServerConnection): void {
    this.sessions.add(session)
    this.changed()
  }

  /** The session no longer carries locks of this pool. */
  detached(session: ServerConnection): void {
    if (!this.sessions.has(session)) return
    // After the last session there is no connection left that could interrupt a listener, and the listener will be
    // closed.
    if (this.sessions.size === 1 && !session.hasEnded)
      for (const listener of this.#listeners) if (listener.isSleeping) this.disturb(listener.id)
    this.sessions.delete(session)
    this.changed()
  }

  waits(session: ServerConnection, isWaiting: boolean): void {
    if (isWaiting) this.#waiting.add(session)
    else this.#waiting.delete(session)
  }

  listens(listener: Wakeable): void {
    this.#listeners.add(listener)
  }

  stopped(listener: Wakeable): void {
    this.#listeners.delete(listener)
  }

  /** Wakes the listeners because their work has changed. */
  changed(): void {
    for (const listener of this.#listeners) listener.wake()
  }

  /**
   * Interrupts the sleep of a listener of this process. Returns false if there is no session to send the interruption:
   * then the sleep ends by itself.
   */
  disturb(listener: number): boolean {
    const [first] = this.sessions
    const session = [...this.sessions].find((each) => !this.#waiting.has(each)) ?? first
    session?.say(interrupt(listener)).catch(() => undefined)
    return session !== undefined
  }
}
