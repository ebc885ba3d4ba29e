import pg from 'pg'

/** A promotion alone may take a minute. */
const LIMIT_MS = 90_000

/** Connects, does the work, and closes the connection. */
export async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 10_000,
    query_timeout: LIMIT_MS,
  })
  // A waiting caller learns of the end from its answer.
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}
