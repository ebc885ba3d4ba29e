import { PgBouncer } from '../test/support/pgbouncer.js'
import { Proxy } from './proxy.js'

const SETTINGS = {
  pool_mode: 'transaction',
  default_pool_size: 12,
  // The default pause of fifteen seconds after a failure would hide everything that follows.
  server_login_retry: 1,
  server_connect_timeout: 3,
}

/** A PgBouncer in transaction mode, and the network between it and the server. */
export class Pooler {
  readonly network: Proxy
  readonly #bouncer: PgBouncer

  private constructor(network: Proxy, bouncer: PgBouncer) {
    this.network = network
    this.#bouncer = bouncer
  }

  static async to(url: string): Promise<Pooler> {
    const network = await Proxy.to(Number(new URL(url).port))
    return new Pooler(network, await PgBouncer.to(through(network, url), SETTINGS))
  }

  get url(): string {
    return this.#bouncer.url
  }

  /** An address without the pooler, through the same network. */
  get directUrl(): string {
    return through(this.network, this.#bouncer.url)
  }

  /** Simulates a crash and the following start. */
  restart(): Promise<void> {
    return this.#bouncer.restart()
  }

  pause(): void {
    this.#bouncer.signal('SIGSTOP')
  }

  resume(): void {
    this.#bouncer.signal('SIGCONT')
  }

  /** @throws {Error} if it ended by itself: then the round shows nothing about locks. */
  async close(): Promise<void> {
    const { death } = this.#bouncer
    await this.#bouncer[Symbol.asyncDispose]()
    await this.network.close()
    if (death !== null) throw new Error(`pgbouncer ended by itself, ${death}`)
  }
}

function through(network: Proxy, url: string): string {
  const way = new URL(url)
  way.hostname = '127.0.0.1'
  way.port = String(network.port)
  return way.href
}
