import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { openFront, type OpenFront } from '../../src/cli/serve/open-front.js'
import type { ServeOrder } from '../../src/cli/serve/serve-order.js'
import { LockWorld } from './lock-world.js'

/** The options of a front as `lockpool serve --trust --listen 127.0.0.1:0` has them. A test can change each of them. */
const ORDER: Omit<ServeOrder, 'url'> = {
  host: '127.0.0.1',
  port: 0,
  max: 5,
  maxClients: 100,
  usersFile: null,
  authQuery: null,
  tls: null,
  others: { kind: 'refuse' },
  mayPin: false,
  leaseMs: 15_000,
  isStrict: false,
  graceMs: 0,
  loginTimeoutMs: 10_000,
  idleTimeoutMs: Infinity,
  metrics: null,
  isDev: false,
  isJson: false,
  namespace: '',
}

/** The result of a query: its rows as arrays, or the SQLSTATE and the message of its error. */
export type Answer = unknown[][] | string

/** A front, and the port at which it listens. */
export interface TestFront extends OpenFront {
  readonly port: number
  /** The messages that the front would print on standard error. */
  readonly told: string[]
}

/** Fronts in this process, and their clients, on the shared server. After each test, no session of them may be left. */
export class ServeWorld extends LockWorld {
  readonly #fronts: TestFront[] = []
  readonly #clients: pg.Client[] = []

  async front(order: Partial<ServeOrder> = {}, url: string = this.database.url): Promise<TestFront> {
    const told: string[] = []
    const open = await openFront({ ...ORDER, url: undefined, ...order }, url, (message) => told.push(message))
    const { port } = await open.front.listen()
    const front = { ...open, port, told }
    this.#fronts.push(front)
    return front
  }

  async client({ port }: { readonly port: number }, config: pg.ClientConfig = {}): Promise<pg.Client> {
    const database = new URL(this.database.url).pathname.slice(1)
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'somebody', database, ...config })
    client.on('error', () => undefined)
    await client.connect()
    this.#clients.push(client)
    return client
  }

  /** Connects a client directly to the server. */
  direct(): Promise<pg.Client> {
    const { hostname, port } = new URL(this.database.url)
    return this.client({ port: Number(port) }, { connectionString: this.database.url, host: hostname })
  }

  /** Whether a direct session could acquire the lock at this moment. */
  async isFree(key: bigint | number): Promise<boolean> {
    const { rows } = await this.database.query<{ free: boolean }>('SELECT pg_try_advisory_lock($1) AS free', [
      String(key),
    ])
    if (rows[0]!.free) await this.database.query('SELECT pg_advisory_unlock($1)', [String(key)])
    return rows[0]!.free
  }

  override async closeAll(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.end().catch(() => undefined)))
    for (const front of this.#fronts.splice(0)) {
      await front.front.drain(Promise.resolve())
      await front.close()
      expect(front.told.filter((message) => message.includes('\n    at '))).toEqual([])
    }
    const left = async (): Promise<number> => {
      const { rows } = await this.database.query(
        `SELECT 1 FROM pg_stat_activity WHERE application_name = 'lockpool serve' AND datname = current_database()`,
      )
      return rows.length
    }
    await expect.poll(left, { timeout: 10_000 }).toBe(0)
    await super.closeAll()
  }
}

export function serveWorld(): ServeWorld {
  const world = new ServeWorld()
  beforeAll(() => world.begin())
  afterEach(() => world.closeAll())
  afterAll(() => world.database.drop())
  return world
}

/** Runs a statement. Returns its rows or its error. */
export async function ask(client: pg.Client, text: string, values?: unknown[]): Promise<Answer> {
  try {
    const result = (await client.query({ text, ...(values && { values }), rowMode: 'array' })) as
      pg.QueryArrayResult | pg.QueryArrayResult[]
    return (Array.isArray(result) ? result.at(-1)! : result).rows
  } catch (error) {
    const { code, message } = error as pg.DatabaseError
    return `${code} ${message}`
  }
}
