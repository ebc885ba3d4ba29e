import { createInterface } from 'node:readline/promises'
import pg from 'pg'
import Cursor from 'pg-cursor'

const lines = createInterface({ input: process.stdin })
const next = lines[Symbol.asyncIterator]()
const checkpoint = async () => {
  say('locks?')
  await next.next()
}
const say = (...words) => process.stdout.write(`${words.join(' ')}\n`)

const port = Number(process.env.PGPORT)
const pool = new pg.Pool({ connectionString: `postgres://app:secret@127.0.0.1:${port}/app`, max: 5 })
const [a, b] = [await pool.connect(), await pool.connect()]
const run = async (client, query, values) => {
  try {
    const result = await client.query(query, values)
    const results = Array.isArray(result) ? result : [result]
    for (const { command, rows, fields } of results)
      say(JSON.stringify([query, command, rows, fields.map(({ name, dataTypeID }) => [name, dataTypeID])]))
  } catch (error) {
    say(JSON.stringify([query, error.code, error.message, error.severity]))
  }
}
const notices = []
a.on('notice', ({ message, code, severity }) => notices.push([severity, code, message]))

await run(a, 'SELECT pg_advisory_lock(42)')
await run(a, 'SELECT pg_try_advisory_lock($1, $2)', [1, 2])
await run(a, { name: 'l', text: 'SELECT pg_try_advisory_lock($1)', values: ['43'] })
await run(a, { name: 'l', text: 'SELECT pg_try_advisory_lock($1)', values: ['44'] })
await checkpoint()
await run(a, 'SELECT pg_advisory_unlock($1)', [42])
await run(a, 'SELECT pg_advisory_unlock($1)', [42])
say(JSON.stringify(notices))
await run(a, 'SELECT pg_advisory_lock(5); SELECT 1 AS one, pg_advisory_unlock(43) AS two; SET x.y = 1')
await run(a, 'SELECT pg_advisory_lock($1)', ['no'])
await run(a, '')
await run(a, "SELECT current_setting('x.y') AS y")
await checkpoint()

await run(b, "SET lock_timeout = '200ms'")
await run(b, 'SELECT pg_advisory_lock(5)')
await run(b, 'BEGIN')
await run(b, 'SELECT pg_advisory_xact_lock(6)')
await run(b, 'SELECT pg_advisory_lock(5)')
await run(b, 'SELECT 1')
await checkpoint()
await run(b, 'ROLLBACK')
await checkpoint()
const cursor = b.query(new Cursor('SELECT generate_series(1, 5) AS n'))
say(JSON.stringify(await cursor.read(2)), JSON.stringify(await cursor.read(9)))
await cursor.close()
a.release()
b.release(true)
await run(pool, 'SELECT pg_advisory_unlock_all()')
await checkpoint()
await pool.end()
lines.close()
