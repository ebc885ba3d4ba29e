import pg from 'pg'
import { InvalidOptionError } from '../../base/errors.js'
import { hostsOf, withHost } from '../../dialect/postgres/hosts/host-list.js'
import { PrimaryFinder } from '../../dialect/postgres/hosts/primary-finder.js'
import { clientConfig, readConnection } from '../../dialect/postgres/config/connection-config.js'
import { explain } from '../../dialect/postgres/connection/server-errors.js'
import { CONNECTIONS_OF, IS_INHERITED, LOCKS_OF, ledgerStatements, SERVER_VERSION } from './ledger-sql.js'
import type { LedgerState } from './outcome.js'

/** The time that a worker's pool waits for an answer. */
const CONNECT_TIMEOUT_MS = 10_000

/** The accounts, in a schema for one run that is dropped afterwards, and queries about the server. */
export class Ledger {
  readonly schema: string
  readonly #client: pg.Client
  readonly #statements: ReturnType<typeof ledgerStatements>

  private constructor(client: pg.Client, schema: string) {
    this.schema = schema
    this.#client = client
    this.#statements = ledgerStatements(schema)
  }

  /**
   * @throws {InvalidOptionError} the URL can't be understood
   * @throws {ConnectionError} the server can't be reached, or refuses
   */
  static async create(url: string, run: string): Promise<Ledger> {
    const { settings, problem } = readConnection(url)
    if (problem !== null) throw new InvalidOptionError([problem.replace('"connection"', 'the database URL')])
    const config = clientConfig(settings, `lockpool demo ${run}`)
    const there = await primaryIn(config).catch((error: unknown) => {
      throw explain(error)
    })
    const client = new pg.Client({ ...there, connectionTimeoutMillis: CONNECT_TIMEOUT_MS })
    // The next statement reports a connection that has ended.
    client.on('error', () => undefined)
    const ledger = new Ledger(client, `lockpool_demo_${run}`)
    try {
      await client.connect()
      await client.query(ledger.#statements.create)
      return ledger
    } catch (error) {
      throw explain(error)
    }
  }

  async serverVersion(): Promise<string> {
    const { rows } = await this.#client.query<{ version: string }>(SERVER_VERSION)
    return rows[0]!.version
  }

  /** Resets every account to `cents`. */
  async fill(accounts: number, cents: number): Promise<void> {
    await this.#client.query(this.#statements.fill, [accounts, cents])
  }

  async state(): Promise<LedgerState> {
    type Row = Omit<LedgerState, 'cents' | 'wrongCents'> & {
      readonly cents: string
      readonly wrongCents: string
    }
    const { rows } = await this.#client.query<Row>(this.#statements.sum)
    const row = rows[0]!
    return { ...row, cents: Number(row.cents), wrongCents: Number(row.wrongCents) }
  }

  /** The server's connections by application name, for names that begin with `prefix`. */
  async connections(prefix: string): Promise<ReadonlyMap<string, number>> {
    const { rows } = await this.#client.query<{ name: string; connections: number }>(CONNECTIONS_OF, [prefix])
    return new Map(rows.map((row) => [row.name, row.connections]))
  }

  /** Named locks that one application has, by the server. */
  async locks(applicationName: string): Promise<readonly string[]> {
    const { rows } = await this.#client.query<{ lock: string }>(LOCKS_OF, [applicationName])
    return rows.map((row) => row.lock)
  }

  /** Whether another application that begins with `prefix` has one of these locks now. */
  async isInherited(locks: readonly string[], applicationName: string, prefix: string): Promise<boolean> {
    const values = [prefix, applicationName, locks]
    const { rows } = await this.#client.query<{ inherited: boolean }>(IS_INHERITED, values)
    return rows[0]!.inherited
  }

  async drop(): Promise<void> {
    try {
      await this.#client.query(this.#statements.drop)
    } finally {
      await this.#client.end()
    }
  }
}

/** The settings for the primary, if the address names several hosts. */
async function primaryIn(config: pg.ClientConfig): Promise<pg.ClientConfig> {
  if (hostsOf(config) === null) return config
  const connection = await new PrimaryFinder(config).open(AbortSignal.timeout(CONNECT_TIMEOUT_MS))
  const { host, port } = connection.client
  await connection.close()
  return withHost(config as Record<string, unknown>, { host, port })
}
