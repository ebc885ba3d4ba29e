import { createInterface } from 'node:readline/promises'
import postgres from 'postgres'

const lines = createInterface({ input: process.stdin })
const next = lines[Symbol.asyncIterator]()
const say = (...words) => process.stdout.write(`${words.join(' ')}\n`)
const checkpoint = async () => {
  say('locks?')
  await next.next()
}

const sql = postgres(`postgres://app:secret@127.0.0.1:${process.env.PGPORT}/app`, {
  max: 2,
  onnotice: () => undefined,
})
const a = await sql.reserve()
say(JSON.stringify(await a`SELECT pg_advisory_lock(${42}::bigint)`))
say(JSON.stringify(await a`SELECT pg_try_advisory_lock(1, 2)`))
await checkpoint()
say(JSON.stringify(await sql`SELECT pg_try_advisory_lock(${'42'}) AS got`))
await sql.begin(async (transaction) => {
  await transaction`SELECT pg_advisory_xact_lock(${43})`
  await transaction
    .savepoint(async (inner) => {
      await inner`SELECT pg_advisory_xact_lock(${44})`
      await checkpoint()
      throw new Error('inner')
    })
    .catch((error) => say(error.message))
  await checkpoint()
})
await checkpoint()
const waiting = a`SELECT pg_sleep(5)`.execute()
setTimeout(() => waiting.cancel(), 200)
await waiting.catch((error) => say(error.code, error.message))
say(JSON.stringify(await a.unsafe('SELECT pg_advisory_lock(45); SELECT 1 AS one')))
await checkpoint()
a.release()
await sql.end()
await checkpoint()
lines.close()
