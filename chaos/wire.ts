import type { Socket } from 'node:net'

/** The faults of one direction of a network. */
export interface Weather {
  /** Every byte takes this long. */
  delayMs: number
  /** Nothing arrives until this ends. Then everything does, in order, as after a partition that TCP has survived. */
  isStalled: boolean
  /** Sent data is lost for good, and so the connection is lost too. */
  isLossy: boolean
  /** Messages arrive in pieces of at most this size. */
  pieceSize: number
}

export function fairWeather(): Weather {
  return { delayMs: 0, isStalled: false, isLossy: false, pieceSize: Infinity }
}

type Item = { readonly due: number } & (
  { readonly what: 'bytes'; readonly bytes: Buffer } | { readonly what: 'end' | 'reset' }
)

/** How often a wire with waiting data is checked again. */
const TICK_MS = 5

/** One direction of one connection. Bytes, and the end of the connection, arrive in order when the network allows. */
export class Wire {
  readonly #to: Socket
  readonly #weather: Weather
  readonly #queue: Item[] = []
  #timer: NodeJS.Timeout | null = null
  /** Some data was lost, so later data would make no sense and is lost too. */
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

  /** Called when the state of the network has changed. */
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
