import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'

/** A database for one test. Advisory locks are per database, so locks of other tests are not visible in it. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string
  /** Runs a statement on a connection that the test's pools do not use. If that connection is lost, it uses a new one. */
  query: <Row extends pg.QueryResultRow>(
    text: string,
    values?: readonly unknown[],
  ) => Promise<pg.QueryResult<Row>>
  /** Ends all connections, and drops the database. */
  drop: () => Promise<void>
}

export async function createDatabase(): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`
  await administer(`CREATE DATABASE ${name}`)
  const url = new URL(inject('serverUrl'))
  url.pathname = `/${name}`
  const pool = new pg.Pool({
    connectionString: url.href,
    application_name: 'test',
    max: 1,
    idleTimeoutMillis: 0,
  })
  // A test may end all sessions, or the server. The next query then connects again.
  pool.on('error', () => undefined)
  let dropped: Promise<void> | null = null
  const drop = (): Promise<void> => {
    dropped ??= pool.end().then(() => administer(`DROP DATABASE ${name} WITH (FORCE)`))
    return dropped
  }
  return {
    url: url.href,
    query: (text, values) => pool.query(text, values === undefined ? undefined : [...values]),
    drop,
    [Symbol.asyncDispose]: drop,
  }
}

async function administer(statement: string): Promise<void> {
  const client = new pg.Client(inject('serverUrl'))
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
