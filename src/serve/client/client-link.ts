import type { Duplex } from 'node:stream'
import type { Clock } from '../../base/clock.js'

/** A client that does not read is given this long to take what is for it, when its connection ends. */
const LAST_WORDS_MS = 2000

/** What a client has not read yet may grow so far before we stop to produce more. */
const MAX_UNREAD_BYTES = 1 << 20

const FLUSH_BYTES = 1 << 16

/** The socket of one client: what is sent is gathered, and leaves in one piece. */
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

  /** For long answers: before they are complete. */
  flushIfMuch(): void {
    if (this.#pendingBytes > FLUSH_BYTES) this.flush()
  }

  /** Whether the client reads so slowly that it should not be sent more for now. */
  get isFull(): boolean {
    return this.#socket.writableLength > MAX_UNREAD_BYTES
  }

  /** Resolves when the client has read, or is gone. */
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

  /** Sends what there is, and closes. */
  end(...lastWords: readonly Buffer[]): void {
    if (this.#isEnded) return
    this.send(...lastWords)
    this.flush()
    this.#isEnded = true
    this.#socket.end()
    const cancel = this.#clock.after(LAST_WORDS_MS, () => this.#socket.destroy(), false)
    this.#socket.once('close', cancel)
    // Or what is unread keeps the close from being seen.
    this.#socket.resume()
  }

  destroy(): void {
    this.#isEnded = true
    this.#pending = []
    this.#socket.destroy()
  }
}

const DONE = Promise.resolve()
