import pg from 'pg'

/** Runs one query on a new connection. */
export async function query<Row extends pg.QueryResultRow>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client(url)
  client.on('error', () => undefined)
  await client.connect()
  try {
    const result: unknown = await client.query<Row>(text)
    return ((Array.isArray(result) ? result.at(-1) : result) as pg.QueryResult<Row>).rows
  } finally {
    await client.end()
  }
}
