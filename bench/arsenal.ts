import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import {
  BUCKET_CLASS,
  encodeKey,
  REGISTRATION_CLASS,
  SERVER_QUEUE_CLASS,
  POOL_CLASS,
  SCHEMA_CLASS,
  SHARE_CLASS,
  TEST_CLASS,
  WRITER_CHECK_CLASS,
  WRITER_CLASS,
} from '../src/dialect/postgres/keys/key.js'
import { ANNOUNCE, HOLD_SMALL, OVERHEAR, REPEAT, SEIZE, SHOUT } from './arsenal-sql.js'

const CLASSES = [
  REGISTRATION_CLASS,
  BUCKET_CLASS,
  WRITER_CLASS,
  WRITER_CHECK_CLASS,
  SERVER_QUEUE_CLASS,
  TEST_CLASS,
  SCHEMA_CLASS,
]

const SEIZE_EVERY_MS = 50
const SHOUT_EVERY_MS = 10

export interface ArsenalOptions {
  /** The server, with a role that has no rights beyond connecting. */
  readonly url: string
  /** Another database of the same server, which lockpool does not use. */
  readonly elsewhere: string
  /** The keys that the processes lock. A stranger may know or guess them. */
  readonly keys: readonly string[]
  readonly messagesPerSecond: number
  /**
   * If false, the strangers make the same noise in lock classes and on a channel that lockpool does not use. The
   * difference is the cost to lockpool, without the cost to the machine.
   */
  readonly isAimed: boolean
}

/**
 * Everything that strangers can do. They hold locks of lockpool's classes and take each that becomes free. They send
 * `ring`, `claim` and `tell` messages without end and repeat those that they hear. They announce pools that do not
 * exist, from this database and from another.
 */
export class Arsenal implements AsyncDisposable {
  readonly #options: ArsenalOptions
  readonly #clients: pg.Client[] = []
  readonly #over = new AbortController()
  readonly #doing: Promise<void>[] = []

  private constructor(options: ArsenalOptions) {
    this.#options = options
  }

  static async drawn(options: ArsenalOptions): Promise<Arsenal> {
    const arsenal = new Arsenal(options)
    const [holder, shouter, echo, ...announcers] = await Promise.all(
      ['', '', '', '', 'elsewhere'].map((where) => arsenal.#connect(where === '' ? null : options.elsewhere)),
    )
    await arsenal.#hold(holder!)
    for (const [i, client] of announcers.entries())
      await client.query(ANNOUNCE, [arsenal.#aim(POOL_CLASS), arsenal.#aim(SHARE_CLASS), i * 1000])
    await arsenal.#repeat(echo!)
    arsenal.#doing.push(arsenal.#seize(holder!), arsenal.#shout(shouter!))
    return arsenal
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort()
    await Promise.all(this.#doing)
    await Promise.all(this.#clients.map((client) => client.end()))
  }

  async #connect(database: string | null): Promise<pg.Client> {
    const url = new URL(this.#options.url)
    if (database !== null) url.pathname = `/${database}`
    const client = new pg.Client(url.href)
    client.on('error', () => undefined)
    this.#clients.push(client)
    await client.connect()
    return client
  }

  #aim(number: number): number {
    return this.#options.isAimed ? number : number + OFF_TARGET
  }

  get #channel(): string {
    return this.#options.isAimed ? 'lockpool_1' : 'nobody_1'
  }

  async #hold(client: pg.Client): Promise<void> {
    for (const each of [BUCKET_CLASS, SCHEMA_CLASS]) await client.query(HOLD_SMALL, [this.#aim(each)])
  }

  async #seize(client: pg.Client): Promise<void> {
    while (!this.#over.signal.aborted) {
      await client.query(SEIZE, [CLASSES, this.#options.isAimed ? 0 : OFF_TARGET])
      await pause(SEIZE_EVERY_MS)
    }
  }

  async #shout(client: pg.Client): Promise<void> {
    const ids = this.#options.keys.map((key) => encodeKey(key, '').id)
    const calls = [
      `ring ${ids.join(' ')}`,
      ...ids.map((id) => `ring ${id}`),
      ...ids.map((id) => `claim ${id}`),
      `tell ${'['.repeat(2000)}`,
      'tell ["a.1",1,"k","exclusive",[["a.1","\u001b[31mevil",null,"k"]]]',
    ]
    const atOnce = Math.ceil((this.#options.messagesPerSecond * SHOUT_EVERY_MS) / 1000)
    for (let i = 0; !this.#over.signal.aborted; i++) {
      await client.query(SHOUT, [this.#channel, calls[i % calls.length], i * atOnce, atOnce])
      await pause(SHOUT_EVERY_MS)
    }
  }

  /** Sends each message of others again, with an `x` before it. */
  async #repeat(client: pg.Client): Promise<void> {
    let isBusy = false
    client.on('notification', ({ payload = '' }) => {
      if (isBusy || this.#over.signal.aborted || payload.startsWith('x')) return
      isBusy = true
      const repeated = client.query(REPEAT, [this.#channel, `x${payload}`])
      void repeated.catch(() => undefined).finally(() => (isBusy = false))
    })
    await client.query(OVERHEAR)
  }
}

/** An offset to classes that lockpool does not use. */
const OFF_TARGET = 0x01000000
