import { PgBouncer } from '../test/support/pgbouncer.js'
import { sharedNow, type Strike } from './history.js'
import { Proxy } from './proxy.js'

const SETTINGS = {
  pool_mode: 'transaction',
  default_pool_size: 12,
  // The default pause of fifteen seconds after a failure would hide everything that follows.
  server_login_retry: 1,
  server_connect_timeout: 3,
}

/**
 * PgBouncer 1.18 ends if a client goes away while its cancel request is under way (pgbouncer issue 801). A process that
 * gets SIGKILL may be such a client.
 */
const KNOWN_FAULT = /disconnect_client\(\): bad client state: 0/

/** A PgBouncer in transaction mode, and the network between it and the server. */
export class Pooler {
  readonly network: Proxy
  readonly #bouncer: PgBouncer
  readonly #deaths: Strike[] = []
  #unknown: string | null = null

  private constructor(network: Proxy, bouncer: PgBouncer) {
    this.network = network
    this.#bouncer = bouncer
    bouncer.onDeath = (lastWords) => this.#died(lastWords)
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

  /**
   * Returns when it ended by the one fault that is known, and was started again.
   *
   * @throws {Error} if it ended for another reason: then the round shows nothing about locks.
   */
  async close(): Promise<readonly Strike[]> {
    this.#bouncer.onDeath = () => undefined
    await this.#bouncer[Symbol.asyncDispose]()
    await this.network.close()
    if (this.#unknown !== null) throw new Error(`pgbouncer ended by itself, ${this.#unknown}`)
    return this.#deaths
  }

  /** Starts it again, as a service manager does. */
  #died(lastWords: string): void {
    if (!KNOWN_FAULT.test(lastWords)) this.#unknown ??= lastWords
    const from = sharedNow() - 100
    const strike = { letsGo: false, forgets: false, isPause: false, isSilence: false, process: null }
    this.restart().then(
      () => this.#deaths.push({ ...strike, kind: 'a pooler that ended by itself', from, to: sharedNow() }),
      (error: Error) => (this.#unknown ??= error.message),
    )
  }
}

function through(network: Proxy, url: string): string {
  const way = new URL(url)
  way.hostname = '127.0.0.1'
  way.port = String(network.port)
  return way.href
}
