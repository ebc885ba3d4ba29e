/** Cuts a stream into messages: a letter, a length that includes itself, and the body. */
export class Frames {
  #rest: Buffer = Buffer.alloc(0)

  cut(bytes: Buffer): Buffer[] {
    const frames: Buffer[] = []
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    while (this.#rest.length >= 5 && this.#rest.length > this.#rest.readInt32BE(1)) {
      const length = this.#rest.readInt32BE(1) + 1
      frames.push(this.#rest.subarray(0, length))
      this.#rest = this.#rest.subarray(length)
    }
    return frames
  }
}

export const letter = (frame: Buffer): string => String.fromCharCode(frame[0]!)
