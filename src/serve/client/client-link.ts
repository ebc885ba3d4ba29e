import type { Duplex } from 'node:stream'
import type { Clock } from '../../base/clock.js'

/** When a connection ends, a client that does not read has this long to read the rest. */
const LAST_WORDS_MS = 2000

/** If the client has more unread bytes than this, the front stops producing more. */
const MAX_UNREAD_BYTES = 1 << 20

const FLUSH_BYTES = 1 << 16

/** The socket of one client. It gathers messages and sends them in one write. */
export class ClientLink {
  readonly #socket: Duplex
  readonly #clock: Clock
  #pending: Buffer[] = []
  #pendingBytes = 0
  #isEnded = false

  constructor(socket: Duplex, clock: Clock) {
    this.#socket = socket
    this.#clock = clock
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  send(...messages: readonly Buffer[]): void {
    if (this.#isEnded) return
    for (const bytes of messages) {
      this.#pending.push(bytes)
      this.#pendingBytes += bytes.length
    }
  }

  flush(): void {
    if (this.#pending.length === 0 || this.#isEnded) return
    const [first] = this.#pending
    const bytes = this.#pending.length === 1 ? first! : Buffer.concat(this.#pending)
    this.#pending = []
    this.#pendingBytes = 0
    this.#socket.write(bytes)
  }

  /** Sends a part of a long answer before the answer is complete. */
  flushIfMuch(): void {
    if (this.#pendingBytes > FLUSH_BYTES) this.flush()
  }

  /** Whether the client reads so slowly that the front should pause. */
  get isFull(): boolean {
    return this.#socket.writableLength > MAX_UNREAD_BYTES
  }

  /** Resolves when the client has read, or has disconnected. */
  drained(): Promise<void> {
    if (!this.isFull || this.#isEnded) return DONE
    return new Promise((resolve) => {
      const end = (): void => {
        this.#socket.off('drain', end)
        this.#socket.off('close', end)
        resolve()
      }
      this.#socket.on('drain', end)
      this.#socket.on('close', end)
    })
  }

  /** Sends the gathered messages, and closes the connection. */
  end(...lastWords: readonly Buffer[]): void {
    if (this.#isEnded) return
    this.send(...lastWords)
    this.flush()
    this.#isEnded = true
    this.#socket.end()
    const cancel = this.#clock.after(LAST_WORDS_MS, () => this.#socket.destroy(), false)
    this.#socket.once('close', cancel)
    // Without this, unread input would hide that the client has closed its side.
    this.#socket.resume()
  }

  destroy(): void {
    this.#isEnded = true
    this.#pending = []
    this.#socket.destroy()
  }
}

const DONE = Promise.resolve()
