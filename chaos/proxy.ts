import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { fairWeather, Wire, type Weather } from './wire.js'

interface Pair {
  readonly client: Socket
  readonly server: Socket
  readonly wires: readonly Wire[]
}

/**
 * How long the server's side of a damaged connection stays open after the reset of the client's side. It is longer than
 * every lease, so that the server never frees locks before the client knows.
 */
const GHOST_MS = 3000

/** The network between one worker and the server. */
export class Proxy {
  readonly #server: Server
  readonly #pairs = new Set<Pair>()
  readonly #ghosts = new Set<NodeJS.Timeout>()
  #target: number
  readonly toServer: Weather = fairWeather()
  readonly toClient: Weather = fairWeather()

  private constructor(target: number) {
    this.#target = target
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client))
  }

  static async to(port: number): Promise<Proxy> {
    const proxy = new Proxy(port)
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Whether a connection through this proxy reaches the server from that port. */
  comesFrom(port: number): boolean {
    return [...this.#pairs].some(({ server }) => server.localPort === port)
  }

  /** New connections go to another server. */
  aimAt(port: number): void {
    this.#target = port
  }

  /**
   * Ends the fault. Both sides of a connection that has lost data are reset: the client at once, the server when no
   * lease can remain.
   */
  mend(): void {
    Object.assign(this.toServer, fairWeather())
    Object.assign(this.toClient, fairWeather())
    for (const { client, server, wires } of this.#pairs) {
      if (!wires.some((wire) => wire.isDamaged)) {
        for (const wire of wires) wire.flow()
        continue
      }
      for (const wire of wires) wire.isDamaged = true
      client.resetAndDestroy()
      const ghost = setTimeout(() => {
        this.#ghosts.delete(ghost)
        server.resetAndDestroy()
      }, GHOST_MS)
      this.#ghosts.add(ghost)
    }
  }

  /** Ends all connections abruptly on both sides. */
  reset(): void {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy()
      server.resetAndDestroy()
    }
  }

  async close(): Promise<void> {
    for (const ghost of this.#ghosts) clearTimeout(ghost)
    this.reset()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #accept(client: Socket): void {
    const server = connect({ port: this.#target, host: '127.0.0.1', allowHalfOpen: true })
    client.setNoDelay(true)
    server.setNoDelay(true)
    const pair: Pair = {
      client,
      server,
      wires: [new Wire(client, server, this.toServer), new Wire(server, client, this.toClient)],
    }
    this.#pairs.add(pair)
    const closed = (): void => {
      if (client.closed && server.closed) this.#pairs.delete(pair)
    }
    client.on('close', closed)
    server.on('close', closed)
  }
}
