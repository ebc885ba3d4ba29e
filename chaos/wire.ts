import type { Socket } from 'node:net'

/** What a network does to one direction of its connections. */
export interface Weather {
  /** Every byte takes so long. */
  delayMs: number
  /** Nothing arrives until this ends; then everything does, in order, as after a partition that TCP has outlived. */
  isStalled: boolean
  /** What is sent is lost for good, and the connection with it. */
  isLossy: boolean
  /** Messages arrive byte by byte in pieces of at most this size. */
  pieceSize: number
}

export function fairWeather(): Weather {
  return { delayMs: 0, isStalled: false, isLossy: false, pieceSize: Infinity }
}

type Item = { readonly due: number } & (
  { readonly what: 'bytes'; readonly bytes: Buffer } | { readonly what: 'end' | 'reset' }
)

/** Looks again this often while something has to wait. */
const TICK_MS = 5

/** One direction of one connection: bytes, and the end of it, arrive in order, when the weather lets them. */
export class Wire {
  readonly #to: Socket
  readonly #weather: Weather
  readonly #queue: Item[] = []
  #timer: NodeJS.Timeout | null = null
  /** Something was lost: what comes later would not make sense, and is lost as well. */
  isDamaged = false

  constructor(from: Socket, to: Socket, weather: Weather) {
    this.#to = to
    this.#weather = weather
    from.on('data', (bytes) => this.#send({ what: 'bytes', bytes }))
    from.on('end', () => this.#send({ what: 'end' }))
    from.on('error', () => this.#send({ what: 'reset' }))
    from.on('close', () => this.#send({ what: 'end' }))
    to.on('close', () => this.#stop())
  }

  /** The weather has changed. */
  flow(): void {
    if (this.#timer !== null) return
    while (this.#queue.length > 0) {
      const item = this.#queue[0]!
      const waitMs = this.#weather.isStalled ? TICK_MS : item.due - performance.now()
      if (waitMs > 0) return this.#waitFor(waitMs)
      this.#queue.shift()
      this.#deliver(item)
    }
  }

  #send(item: { what: 'bytes'; bytes: Buffer } | { what: 'end' | 'reset' }): void {
    const { isLossy, delayMs } = this.#weather
    if (isLossy || this.isDamaged) {
      this.isDamaged = true
      return
    }
    this.#queue.push({ ...item, due: performance.now() + delayMs })
    this.flow()
  }

  #deliver(item: Item): void {
    if (this.#to.destroyed) return
    if (item.what === 'reset') this.#to.resetAndDestroy()
    else if (item.what === 'end') this.#to.end()
    else if ('bytes' in item && this.#to.writable) this.#writeInPieces(item.bytes)
  }

  #writeInPieces(bytes: Buffer): void {
    const size = Math.min(this.#weather.pieceSize, bytes.length)
    for (let at = 0; at < bytes.length; at += size) this.#to.write(bytes.subarray(at, at + size))
  }

  #waitFor(ms: number): void {
    this.#timer = setTimeout(
      () => {
        this.#timer = null
        this.flow()
      },
      Math.min(ms, TICK_MS),
    )
  }

  #stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#queue.length = 0
  }
}
