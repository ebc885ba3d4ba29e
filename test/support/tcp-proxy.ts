import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/**
 * A connection that can fail. It stands between a client and a server, and forwards their bytes unless a test stops it.
 */
export class TcpProxy implements AsyncDisposable {
  readonly #server: Server
  #target: URL
  readonly #pairs = new Set<readonly [client: Socket, server: Socket]>()
  readonly #damaged = new Set<readonly [client: Socket, server: Socket]>()
  /** Bytes in this direction are lost, and neither side learns of it. */
  losesToServer = false
  losesToClient = false
  /** The bytes of the server arrive, but not the end of its connection. */
  losesCloses = false
  /** New connections are accepted, but nothing is forwarded. */
  isSilent = false
  /** New connections are reset at once, like those to a server that is down. */
  isRefusing = false
  /** The number of attempted connections. */
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

  /** The URL of the target through this proxy. */
  get url(): string {
    const url = new URL(this.#target)
    url.hostname = '127.0.0.1'
    url.port = String((this.#server.address() as AddressInfo).port)
    return url.href
  }

  /** Sends new connections to another server, as a host name or a floating address does after a failover. */
  leadTo(target: string): void {
    this.#target = new URL(target)
  }

  get connections(): number {
    return this.#pairs.size
  }

  /** Acts as a black hole: loses both directions of all present and future connections. */
  cut(): void {
    this.losesToServer = this.losesToClient = true
  }

  /** Resets connections that have lost bytes. A real network delivers all bytes or gives up. */
  mend(): void {
    this.losesToServer = this.losesToClient = false
    for (const pair of this.#damaged) for (const socket of pair) socket.resetAndDestroy()
    this.#damaged.clear()
  }

  /** Ends all connections without a final message. */
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
      // An end counts as a message, and is lost like any other.
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
