/**
 * A program that locks, for the picture: node actor.mjs NAME PART...
 *
 * Parts that it gets: `hold:KEY`, `read:KEY`, `permits:KEY:HAS:OF` and `sql:STATEMENT`. Parts that it waits for and
 * does not get: `wait:KEY` and `wait-sql:STATEMENT`. It prints `ready` when it has the parts that it gets, and ends
 * when its standard input ends.
 */
import pg from 'pg'
import { LockPool } from '../../dist/index.js'

const [name, ...parts] = process.argv.slice(2)
const connection = process.env.DATABASE_URL
const locks = new LockPool({ connection, applicationName: name, max: 3 })
const held = []

async function act(part) {
  const [kind, ...rest] = part.split(':')
  if (kind.endsWith('sql')) return ask(rest.join(':'))
  const [key, has, of] = rest
  if (kind === 'permits') {
    const semaphore = locks.semaphore(key, Number(of))
    for (let i = 0; i < Number(has); i++) held.push(await semaphore.acquire())
  } else {
    const mode = kind === 'read' ? 'shared' : 'exclusive'
    held.push(await locks.acquire(key, { mode, timeoutMs: Infinity }))
  }
}

let client = null

async function ask(statement) {
  if (client === null) {
    client = new pg.Client({ connectionString: connection, application_name: name })
    client.on('error', () => undefined)
    await client.connect()
  }
  await client.query(statement)
}

const waits = (part) => part.startsWith('wait')
for (const part of parts.filter((each) => !waits(each))) await act(part)
process.stdout.write('ready\n')
for (const part of parts.filter(waits)) act(part).catch(() => undefined)

process.stdin.resume().on('end', () => process.exit())
