import pg from 'pg'

/** A promotion may take a minute by itself. */
const LIMIT_MS = 90_000

/** Connects, does the work, and leaves. */
export async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 10_000,
    query_timeout: LIMIT_MS,
  })
  // Whoever waits for an answer is told of the end by that answer.
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}
