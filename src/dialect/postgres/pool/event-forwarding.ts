import type { EventEmitter } from 'node:events'
import type { ConnectionEvents } from '../connection/connection.js'
import type { ServerConnection } from '../connection/server-connection.js'

/** What a client of `pg` tells, once it is connected. */
const FORWARDED: ReadonlySet<string | symbol> = new Set(['notification', 'notice', 'error', 'end', 'drain'])

/** Hands what a connection tells on to the listeners of one borrower, for as long as he has it. */
export class Forwarding {
  readonly #server: ServerConnection
  readonly #borrower: EventEmitter
  /** How each is taken off again. */
  readonly #stops = new Map<string | symbol, () => void>()

  constructor(server: ServerConnection, borrower: EventEmitter) {
    this.#server = server
    this.#borrower = borrower
  }

  /** Whether there is anything to hand on under that name. */
  static concerns(event: string | symbol): event is keyof ConnectionEvents {
    return FORWARDED.has(event)
  }

  begin(event: keyof ConnectionEvents): void {
    if (this.#stops.has(event)) return
    const forward = (what: unknown): void => {
      // An `error` without a listener would be thrown.
      if (this.#borrower.listenerCount(event) > 0) this.#borrower.emit(event, what)
    }
    this.#server.on(event, forward)
    this.#stops.set(event, () => this.#server.off(event, forward))
  }

  end(): void {
    for (const stop of this.#stops.values()) stop()
  }
}
