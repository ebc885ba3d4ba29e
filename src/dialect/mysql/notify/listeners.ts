import type { Wanted } from './registration-book.js'
import { interrupt, waitStatements, type WaitStatements } from './notify-sql.js'
import { WaitNames } from './wait-names.js'
import type { ServerConnection } from '../connection/server-connection.js'

/** The connection on which a pool listens. */
interface Wakeable {
  readonly id: number
  readonly isWaiting: boolean
  wake(): void
}

/** Connects the lock sessions of one pool with its listening connections. */
export class NotificationListeners {
  /** The keys that callers wait for and that were not reported free since the last attempt. */
  readonly armed: Map<string, Wanted> = new Map()
  readonly sessions: Set<ServerConnection> = new Set()
  /** Sessions that wait in the server. They can send nothing until the wait ends. */
  readonly #waiting = new Set<ServerConnection>()
  readonly #waitNames = new WaitNames()
  /** Usually one listener; for a moment there may be two. */
  readonly #listeners = new Set<Wakeable>()
  /** The statements in which a listener waits: for a name, or asleep. */
  readonly statements: { readonly waitsForName: WaitStatements; readonly sleeps: WaitStatements }

  /** The number of reader slots of each key; 0 without shared mode. */
  readonly sharedSlots: number

  constructor(sharedSlots = 0) {
    this.sharedSlots = sharedSlots
    this.statements = waitStatements(sharedSlots)
  }

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
      for (const listener of this.#listeners) if (listener.isWaiting) this.disturb(listener.id)
    this.sessions.delete(session)
    this.#waitNames.lost(session)
    this.changed()
  }

  waits(session: ServerConnection, isWaiting: boolean): void {
    if (isWaiting) this.#waiting.add(session)
    else this.#waiting.delete(session)
  }

  /**
   * Resolves with a session that holds its name, for which a listener can wait, or with null if there is none. `except` are
   * sessions whose names were found free.
   */
  async nameHolder(except: ReadonlySet<ServerConnection>): Promise<ServerConnection | null> {
    const isSuitable = (session: ServerConnection): boolean =>
      this.sessions.has(session) && !except.has(session)
    const all = [...this.sessions]
    const holder = all.find((session) => isSuitable(session) && this.#waitNames.isHeldBy(session))
    if (holder !== undefined) return holder
    // All are asked at once, because one may not answer. A session that waits in the server would take its name only later.
    const asked = all.filter((session) => isSuitable(session) && !this.#waiting.has(session))
    const taken = asked.map(async (session) => {
      if (!(await this.#waitNames.take(session)) || !isSuitable(session)) throw new Error('not taken')
      return session
    })
    return Promise.any(taken).catch(() => null)
  }

  /** The name of the session was free. */
  lostName(session: ServerConnection): void {
    this.#waitNames.lost(session)
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
   * Interrupts the wait of a listener of this process. Returns false if there is no session to send the interruption:
   * then the wait ends by itself.
   */
  disturb(listener: number): boolean {
    const [first] = this.sessions
    const session = [...this.sessions].find((each) => !this.#waiting.has(each)) ?? first
    session?.say(interrupt(listener)).catch(() => undefined)
    return session !== undefined
  }
}
