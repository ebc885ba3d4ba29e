import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** A wire that can fail: it stands between a client and a server, and passes on what they say while it is told to. */
export class TcpProxy implements AsyncDisposable {
  readonly #server: Server
  #target: URL
  readonly #pairs = new Set<readonly [client: Socket, server: Socket]>()
  readonly #damaged = new Set<readonly [client: Socket, server: Socket]>()
  /** What is sent in this direction is lost, and neither side is told. */
  losesToServer = false
  losesToClient = false
  /** What the server sends arrives, but not that it has closed the connection. */
  losesCloses = false
  /** New connections are accepted, and then nothing happens. */
  isSilent = false
  /** New connections are reset at once, as those to a server that is not there. */
  isRefusing = false
  /** How many connections somebody has tried to make. */
  attempts = 0

  private constructor(target: string) {
    this.#target = new URL(target)
    this.#server = createServer((client) => this.#accept(client))
  }

  static async to(target: string): Promise<TcpProxy> {
    const proxy = new TcpProxy(target)
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  /** The target's url, by way of this proxy. */
  get url(): string {
    const url = new URL(this.#target)
    url.hostname = '127.0.0.1'
    url.port = String((this.#server.address() as AddressInfo).port)
    return url.href
  }

  /** New connections go to another server from now on, as behind a name or a floating address after a failover. */
  leadTo(target: string): void {
    this.#target = new URL(target)
  }

  get connections(): number {
    return this.#pairs.size
  }

  /** A black hole: both directions are lost, for all connections there are and will be. */
  cut(): void {
    this.losesToServer = this.losesToClient = true
  }

  /** Connections that have lost something are reset: a real network delivers all or gives up. */
  mend(): void {
    this.losesToServer = this.losesToClient = false
    for (const pair of this.#damaged) for (const socket of pair) socket.resetAndDestroy()
    this.#damaged.clear()
  }

  /** Ends all connections without a good-bye. */
  reset(): void {
    for (const [client, server] of this.#pairs) {
      client.resetAndDestroy()
      server.resetAndDestroy()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.reset()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #accept(client: Socket): void {
    this.attempts++
    if (this.isRefusing) {
      client.on('error', () => undefined)
      client.resetAndDestroy()
      return
    }
    if (this.isSilent) {
      client.on('error', () => undefined)
      this.#pairs.add([client, client])
      return
    }
    const server = connect(Number(this.#target.port), this.#target.hostname)
    const pair = [client, server] as const
    this.#pairs.add(pair)
    client.on('data', (bytes) => (this.losesToServer ? this.#damaged.add(pair) : server.write(bytes)))
    server.on('data', (bytes) => (this.losesToClient ? this.#damaged.add(pair) : client.write(bytes)))
    const ways = [
      [client, server, () => this.losesToServer],
      [server, client, () => this.losesToClient || this.losesCloses],
    ] as const
    for (const [one, other, isLost] of ways) {
      // An end is a message as well, and gets lost like any other.
      const pass = (act: () => void) => (): void => void (isLost() ? this.#damaged.add(pair) : act())
      one.on(
        'error',
        pass(() => other.destroy()),
      )
      one.on(
        'end',
        pass(() => other.end()),
      )
      one.on(
        'close',
        pass(() => {
          other.destroy()
          this.#pairs.delete(pair)
        }),
      )
    }
  }
}
