import type { PostgresKey } from '../keys/key.js'

const INT8_OID = 20

/**
 * The header of a binary array: number of dimensions, whether there are nulls, type of the elements, their number,
 * first index.
 */
const HEADER_BYTES = 20

/** The length of an element, then its value. */
const ELEMENT_BYTES = 12

/** The rows of one batch statement in the form of the wire: a byte string, and binary arrays of the same length. */
export class BatchRows {
  readonly #codes: Buffer
  readonly #keys: Int8List
  readonly #hashes: Int8List | null
  #count = 0

  constructor(atMost: number, hasHashes: boolean) {
    this.#codes = Buffer.allocUnsafe(atMost)
    this.#keys = new Int8List(atMost)
    this.#hashes = hasHashes ? new Int8List(atMost) : null
  }

  get count(): number {
    return this.#count
  }

  add(code: number, key: PostgresKey): void {
    this.#codes[this.#count] = code
    this.#keys.write(this.#count, key.high, key.low)
    if (this.#hashes !== null) this.#hashes.write(this.#count, key.hash, key.check)
    this.#count++
  }

  /** Adds a row with a 32-bit number instead of a key. */
  addNumber(code: number, number: number): void {
    this.#codes[this.#count] = code
    this.#keys.write(this.#count, number >> 31, number)
    this.#hashes?.write(this.#count, 0, 0)
    this.#count++
  }

  finish(): { codes: Buffer; keys: Buffer; hashes: Buffer | null } {
    return {
      codes: this.#codes.subarray(0, this.#count),
      keys: this.#keys.finish(this.#count),
      hashes: this.#hashes === null ? null : this.#hashes.finish(this.#count),
    }
  }
}

/** A binary array of int8 in the form of the wire. */
export class Int8List {
  readonly #bytes: Buffer
  // `writeInt32BE` would check its arguments each time.
  readonly #words: DataView

  constructor(atMost: number) {
    this.#bytes = Buffer.allocUnsafe(HEADER_BYTES + ELEMENT_BYTES * atMost)
    this.#words = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength)
  }

  write(index: number, high: number, low: number): void {
    const at = HEADER_BYTES + ELEMENT_BYTES * index
    this.#words.setInt32(at, 8)
    this.#words.setInt32(at + 4, high)
    this.#words.setInt32(at + 8, low)
  }

  writeBig(index: number, value: bigint): void {
    const at = HEADER_BYTES + ELEMENT_BYTES * index
    this.#words.setInt32(at, 8)
    this.#words.setBigInt64(at + 4, value)
  }

  finish(count: number): Buffer {
    this.#words.setInt32(0, 1)
    this.#words.setInt32(4, 0)
    this.#words.setInt32(8, INT8_OID)
    this.#words.setInt32(12, count)
    this.#words.setInt32(16, 1)
    return this.#bytes.subarray(0, HEADER_BYTES + ELEMENT_BYTES * count)
  }
}
