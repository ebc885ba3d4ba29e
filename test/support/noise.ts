import pg from 'pg'

/** Keeps a pooler busy with short transactions, until the returned function is called. */
export async function makeNoise(url: string, clients: number): Promise<() => Promise<void>> {
  let isOver = false
  const loops = Array.from({ length: clients }, async () => {
    const client = new pg.Client(url)
    client.on('error', () => undefined)
    await client.connect()
    while (!isOver) {
      await client.query('BEGIN; SELECT 1')
      await client.query('COMMIT')
    }
    await client.end()
  })
  await Promise.resolve()
  return async () => {
    isOver = true
    await Promise.all(loops)
  }
}
