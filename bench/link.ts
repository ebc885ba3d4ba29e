import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A connection to a server in another room: bytes arrive with a delay in each direction, or not at all. */
export class Link implements AsyncDisposable {
  readonly #server = createServer((client) => this.#accept(client))
  readonly #sockets = new Set<Socket>()
  readonly #target: URL
  readonly #delayMs: number
  /** How many connections were attempted. */
  attempts = 0
  #isCut = false

  private constructor(target: string, delayMs: number) {
    this.#target = new URL(target)
    this.#delayMs = delayMs
  }

  static async to(target: string, delayMs: number): Promise<Link> {
    const link = new Link(target, delayMs)
    await once(link.#server.listen(0, '127.0.0.1'), 'listening')
    return link
  }

  get url(): string {
    const url = new URL(this.#target)
    url.hostname = '127.0.0.1'
    url.port = String((this.#server.address() as AddressInfo).port)
    return url.href
  }

  /** Ends all connections, and refuses new ones until `mend`. */
  cut(): void {
    this.#isCut = true
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  mend(): void {
    this.#isCut = false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #accept(client: Socket): void {
    this.attempts++
    if (this.#isCut) {
      client.on('error', () => undefined)
      client.resetAndDestroy()
      return
    }
    const server = connect(Number(this.#target.port), this.#target.hostname)
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from)
      from.setNoDelay(true)
      // Timers of the same length fire in the order in which they were set, so bytes stay in order.
      from.on('data', (bytes) => {
        if (this.#delayMs === 0) to.write(bytes)
        else setTimeout(() => to.write(bytes), this.#delayMs)
      })
      from.on('error', () => to.destroy())
      from.on('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
    }
  }
}
