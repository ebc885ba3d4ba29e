import { connectTo } from '../server.js'

/** How many connections of an application the server sees. */
export async function connectionsOf(url: string, application: string): Promise<number> {
  const client = await connectTo(url)
  try {
    const { rows } = await client.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = $1',
      [application],
    )
    return rows[0]!.count
  } finally {
    await client.end()
  }
}
