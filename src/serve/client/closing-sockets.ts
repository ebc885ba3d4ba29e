import type { Duplex } from 'node:stream'
import type { Clock } from '../../base/clock.js'

/** How many sockets are closed between two turns of the event loop. */
const AT_ONCE = 64

/**
 * Sockets whose clients have disconnected. Closing a socket costs four times as much as reading that its client has gone, and
 * thousands may go at once. So the front first releases the locks of all of them, and then closes their sockets a few at a
 * time.
 */
export class ClosingSockets {
  readonly #clock: Clock
  #sockets: Duplex[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(socket: Duplex): void {
    if (this.#sockets.length === 0) this.#plan()
    this.#sockets.push(socket)
  }

  #plan(): void {
    this.#clock.after(1, () => this.#closeSome())
  }

  #closeSome(): void {
    const some = this.#sockets
    this.#sockets = some.splice(AT_ONCE)
    if (this.#sockets.length > 0) this.#plan()
    for (const socket of some) socket.destroy()
  }
}
