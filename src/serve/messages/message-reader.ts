import { ProtocolError } from './protocol-error.js'

/** One message: its type as the protocol's letter, and what follows the length. */
export interface Message {
  /** A character code. Startup packets have none: 0. */
  readonly type: number
  readonly body: Buffer
  /** The whole message, as received. */
  readonly bytes: Buffer
}

/** A startup packet has no type. PostgreSQL reads at most this many bytes of it. */
const MAX_STARTUP_BYTES = 10_000

/** The maximum size of a message before the login. A password fits, but not much more. */
export const MAX_LOGIN_BYTES = 10_000

/** Smaller chunks are joined, so that each byte is copied a few times at most. */
const SMALL_BYTES = 4096

const NOTHING: Buffer = Buffer.alloc(0)

/**
 * Splits a stream of bytes into messages. It refuses a message that is too long by its length field, before it stores any of
 * it. So a client can make the front store `maxBytes` and one chunk, not more.
 */
export class MessageReader {
  maxBytes: number = MAX_LOGIN_BYTES
  isStartup = true
  #bytes = NOTHING
  /** The offset in `#bytes` up to which messages have been returned. */
  #at = 0
  /** Chunks after `#bytes`. They are joined when they complete a message. */
  #chunks: Buffer[] = []
  #length = 0

  /** How many buffers contain the pending bytes. */
  get buffers(): number {
    return this.#chunks.length + 1
  }

  /** Bytes that wait for the rest of a message. */
  get pending(): number {
    return this.#length - this.#at
  }

  push(chunk: Buffer): void {
    if (this.#length === this.#at) {
      this.#bytes = chunk
      this.#at = 0
      this.#length = chunk.length
      this.#chunks = []
      return
    }
    this.#chunks.push(chunk)
    this.#length += chunk.length
    this.#joinSmall()
  }

  /** A client that sends single bytes must not make the front keep a buffer for each. */
  #joinSmall(): void {
    const chunks = this.#chunks
    for (let last = chunks.length - 1; last > 0; last--) {
      const [before, behind] = [chunks[last - 1]!, chunks[last]!]
      if (before.length > behind.length || before.length >= SMALL_BYTES) return
      chunks.splice(last - 1, 2, Buffer.concat([before, behind]))
    }
  }

  /**
   * The next whole message; null until more bytes come.
   *
   * @throws {ProtocolError} a length that can't be, or is more than is allowed
   */
  next(): Message | null {
    const head = this.isStartup ? 4 : 5
    if (this.pending < head) return null
    this.#join(head)
    const length = this.#bytes.readInt32BE(this.#at + head - 4)
    const limit = this.isStartup ? MAX_STARTUP_BYTES : this.maxBytes
    const least = this.isStartup ? 8 : 4
    if (length < least) throw new ProtocolError('invalid message length')
    if (length > limit) throw new ProtocolError(`a message of ${length} bytes is longer than ${limit}`)
    const total = head - 4 + length
    if (this.pending < total) return null
    this.#join(total)
    const type = this.isStartup ? 0 : this.#bytes[this.#at]!
    const bytes = this.#bytes.subarray(this.#at, this.#at + total)
    const body = bytes.subarray(head)
    this.#at += total
    if (this.#at === this.#length) this.#discard()
    return { type, body, bytes }
  }

  /** Takes the bytes that were not read as messages, for the next reader of the stream. */
  rest(): Buffer {
    this.#join(this.pending)
    const rest = this.#bytes.subarray(this.#at, this.#length)
    this.#discard()
    return rest
  }

  #discard(): void {
    this.#bytes = NOTHING
    this.#at = 0
    this.#length = 0
    this.#chunks = []
  }

  /** Makes sure that `count` bytes from here on are in one piece. */
  #join(count: number): void {
    if (this.#bytes.length - this.#at >= count) return
    this.#bytes = Buffer.concat([this.#bytes.subarray(this.#at), ...this.#chunks])
    this.#at = 0
    this.#length = this.#bytes.length
    this.#chunks = []
  }
}
