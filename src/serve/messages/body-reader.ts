import { ProtocolError } from './protocol-error.js'
import { decodeUtf8 } from './utf8.js'

/** Reads the fields of one message, and throws if the message is too short. */
export class BodyReader {
  readonly #body: Buffer
  #at = 0

  constructor(body: Buffer) {
    this.#body = body
  }

  get remaining(): number {
    return this.#body.length - this.#at
  }

  byte(): number {
    return this.#body[this.#skip(1)]!
  }

  int16(): number {
    return this.#body.readInt16BE(this.#skip(2))
  }

  uint16(): number {
    return this.#body.readUInt16BE(this.#skip(2))
  }

  int32(): number {
    return this.#body.readInt32BE(this.#skip(4))
  }

  uint32(): number {
    return this.#body.readUInt32BE(this.#skip(4))
  }

  /** Reads up to a zero byte. @throws {SqlError} 22021 if the bytes are not UTF-8 */
  text(): string {
    const end = this.#body.indexOf(0, this.#at)
    if (end < 0) throw new ProtocolError('invalid string in message')
    const text = decodeUtf8(this.#body.subarray(this.#at, end))
    this.#at = end + 1
    return text
  }

  bytes(length: number): Buffer {
    if (length < 0) throw new ProtocolError('insufficient data left in message')
    const start = this.#skip(length)
    return this.#body.subarray(start, start + length)
  }

  rest(): Buffer {
    return this.bytes(this.remaining)
  }

  /** @throws {ProtocolError} if bytes are left */
  end(): void {
    if (this.remaining !== 0) throw new ProtocolError('invalid message format')
  }

  /** Reads `count` elements with `one`. It refuses a count that is too large for the rest of the message. */
  list<T>(count: number, leastBytes: number, one: () => T): T[] {
    if (count < 0 || count * leastBytes > this.remaining)
      throw new ProtocolError('insufficient data left in message')
    return Array.from({ length: count }, one)
  }

  #skip(count: number): number {
    const start = this.#at
    if (this.remaining < count) throw new ProtocolError('insufficient data left in message')
    this.#at += count
    return start
  }
}
