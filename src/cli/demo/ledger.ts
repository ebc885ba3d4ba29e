import pg from 'pg'
import { clientConfig } from '../../dialect/postgres/postgres-config.js'
import { CONNECTIONS_OF, LOCKS_OF, ledgerStatements, SERVER_VERSION } from './ledger-sql.js'
import type { LedgerState } from './outcome.js'

/** The accounts, in a schema that is made for one run and dropped after it; and a look at the server. */
export class Ledger {
  readonly schema: string
  readonly #client: pg.Client
  readonly #statements: ReturnType<typeof ledgerStatements>

  private constructor(client: pg.Client, schema: string) {
    this.schema = schema
    this.#client = client
    this.#statements = ledgerStatements(schema)
  }

  static async create(url: string | null, run: string): Promise<Ledger> {
    const client = new pg.Client(clientConfig(url ?? undefined, `lockpool demo ${run}`))
    // A connection that ends is noticed by the next statement.
    client.on('error', () => undefined)
    await client.connect()
    const ledger = new Ledger(client, `lockpool_demo_${run}`)
    await client.query(ledger.#statements.create)
    return ledger
  }

  async serverVersion(): Promise<string> {
    const { rows } = await this.#client.query<{ version: string }>(SERVER_VERSION)
    return rows[0]!.version
  }

  /** Every account has `cents`, and remembers nothing. */
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

  /** Connections that the server has, by application name, for all that begin with `prefix`. */
  async connections(prefix: string): Promise<ReadonlyMap<string, number>> {
    const { rows } = await this.#client.query<{ name: string; connections: number }>(CONNECTIONS_OF, [
      `${prefix}%`,
    ])
    return new Map(rows.map((row) => [row.name, row.connections]))
  }

  /** Named locks that one application has, by the server. */
  async locks(applicationName: string): Promise<number> {
    const { rows } = await this.#client.query<{ locks: number }>(LOCKS_OF, [applicationName])
    return rows[0]!.locks
  }

  async drop(): Promise<void> {
    try {
      await this.#client.query(this.#statements.drop)
    } finally {
      await this.#client.end()
    }
  }
}
