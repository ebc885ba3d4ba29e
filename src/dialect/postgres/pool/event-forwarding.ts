import type { EventEmitter } from 'node:events'
import type { ConnectionEvents } from '../connection/connection.js'
import type { ServerConnection } from '../connection/server-connection.js'

/** The events of a connected client of `pg`. */
const FORWARDED: ReadonlySet<string | symbol> = new Set(['notification', 'notice', 'error', 'end', 'drain'])

/** Forwards the events of a connection to the listeners of one borrower, until its check-in. */
export class Forwarding {
  readonly #server: ServerConnection
  readonly #borrower: EventEmitter
  /** Functions that remove the forwarding listeners. */
  readonly #stops = new Map<string | symbol, () => void>()

  constructor(server: ServerConnection, borrower: EventEmitter) {
    this.#server = server
    this.#borrower = borrower
  }

  /** Whether the event is one that a connection emits. */
  static concerns(event: string | symbol): event is keyof ConnectionEvents {
    return FORWARDED.has(event)
  }

  begin(event: keyof ConnectionEvents): void {
    if (this.#stops.has(event)) return
    const forward = (what: unknown): void => {
      // Without a listener, emitting `error` would throw.
      if (this.#borrower.listenerCount(event) > 0) this.#borrower.emit(event, what)
    }
    this.#server.on(event, forward)
    this.#stops.set(event, () => this.#server.off(event, forward))
  }

  end(): void {
    for (const stop of this.#stops.values()) stop()
  }
}
