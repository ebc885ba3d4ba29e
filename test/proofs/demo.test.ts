import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { lockpool } from '../support/command-line.js'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()

async function leftovers(): Promise<unknown> {
  const { rows } = await world.database.query(
    `SELECT nspname AS left FROM pg_namespace WHERE nspname LIKE 'lockpool_demo%'
     UNION ALL
     SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'lockpool demo%' AND datname = current_database()`,
  )
  return rows
}

const SMALL = [
  '--tasks',
  '20',
  '--accounts',
  '30',
  '--processes',
  '3',
  '--connections',
  '3',
  '--seconds',
  '2',
]

test('the demo keeps its promises, says so as JSON, and leaves nothing', async () => {
  const demo = lockpool(['demo', '--json', ...SMALL, '--url', world.database.url])

  expect(await demo.ended, demo.err).toBe(0)
  expect(demo.err).toBe('')
  const outcome = JSON.parse(demo.out.toString())
  expect(outcome).toMatchObject({ version: 1, broken: [], exitCode: 0, processes: 3, maxConnections: 9 })
  expect(outcome.withLocks).toMatchObject({ missingCents: 0, ledger: { regressions: 0, wrongAccounts: 0 } })
  expect(outcome.withLocks.tally.transfers).toBeGreaterThan(0)
  expect(outcome.killed.transfersAfter).toBeGreaterThan(0)
  await expect.poll(leftovers, { timeout: 5000 }).toEqual([])
})

test('Ctrl-C ends it, and leaves nothing behind', async () => {
  const demo = lockpool(['demo', ...SMALL, '--seconds', '60', '--url', world.database.url])
  await expect.poll(leftovers, { timeout: 20_000 }).not.toEqual([])

  demo.kill('SIGINT')

  expect(await demo.ended).toBe(130)
  await expect.poll(leftovers, { timeout: 5000 }).toEqual([])
})

test('the demo leaves the database alone that the environment names', async () => {
  const env = {
    DATABASE_URL: world.database.url,
    LOCKPOOL_URL: world.database.url,
    PGHOST: '127.0.0.1',
    PGPORT: '1',
    PGSSLMODE: 'require',
    PGOPTIONS: '-c search_path=nowhere',
  }
  const schemas = async (): Promise<unknown> =>
    (await world.database.query('SELECT nspname FROM pg_namespace ORDER BY 1')).rows
  const before = await schemas()

  const demo = lockpool(['demo', '--json', ...SMALL], { env: { ...process.env, ...env } })

  expect(await demo.ended, demo.err).toBe(0)
  expect(JSON.parse(demo.out.toString())).toMatchObject({ broken: [] })
  expect(await schemas()).toEqual(before)
})

test('without a database it prints a clear error, and no stack', async () => {
  const demo = lockpool(['demo', '--url', 'postgres://nobody:secret@127.0.0.1:1/none'])

  expect(await demo.ended).toBe(69)
  expect(demo.err).toMatch(/ECONNREFUSED/)
  expect(demo.err).not.toMatch(/secret| at /)
})

test('a name in the URL does not hide the connections that are counted', async () => {
  const url = `${world.database.url}?application_name=hidden`
  const demo = lockpool(['demo', '--json', ...SMALL, '--url', url])

  expect(await demo.ended, demo.err).toBe(0)
  const { peak, maxConnections } = JSON.parse(demo.out.toString())
  expect(peak.connections).toBeGreaterThan(0)
  expect(peak.connections).toBeLessThanOrEqual(maxConnections)
})

test.runIf(process.platform === 'linux')('no other user of the host can read the password', async () => {
  const demo = lockpool(['demo', ...SMALL, '--seconds', '60'], { url: world.database.url })
  await demo.says('worker processes')

  const commandLines = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(commandLine)

  expect(commandLines.filter((line) => line.includes('demo/worker.js'))).not.toEqual([])
  expect(commandLines.filter((line) => line.includes(world.database.url))).toEqual([])
  demo.kill('SIGTERM')
  expect(await demo.ended).toBe(143)
  await expect.poll(leftovers, { timeout: 5000 }).toEqual([])
})

/** Returns the command line of a process, or an empty text if the process has just ended. */
function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

test('an error of a worker is reported with its own exit code, and no stack', async () => {
  await using role = await roleWithoutTokens()
  const demo = lockpool(['demo', ...SMALL, '--url', role.url])

  expect(await demo.ended, demo.err).toBe(78)
  expect(demo.err).toMatch(/^lockpool: .*lockpool\.fence/)
  expect(demo.err).not.toMatch(/ at /)
  await expect.poll(leftovers, { timeout: 5000 }).toEqual([])
})

/** Creates a role that may create schemas, but may not use the sequence of the fencing tokens. */
async function roleWithoutTokens(): Promise<AsyncDisposable & { readonly url: string }> {
  const { query } = world.database
  const url = new URL(world.database.url)
  const name = `${url.pathname.slice(1)}_role`
  await query(`CREATE ROLE ${name} LOGIN PASSWORD 'demo'`)
  await query(`GRANT CREATE ON DATABASE ${url.pathname.slice(1)} TO ${name}`)
  await world.pool().ready()
  url.username = name
  url.password = 'demo'
  const drop = async (): Promise<void> => {
    await query(`DROP OWNED BY ${name}`)
    await query(`DROP ROLE ${name}`)
  }
  return { url: url.href, [Symbol.asyncDispose]: drop }
}

test('a second Ctrl-C ends the wait for a server that does not answer', async () => {
  const silent = createServer().listen(0, '127.0.0.1')
  const connected = new Promise((resolve) => silent.once('connection', resolve))
  await new Promise((resolve) => silent.once('listening', resolve))
  const { port } = silent.address() as AddressInfo
  const demo = lockpool(['demo', '--url', `postgres://nobody@127.0.0.1:${port}/none`])
  await connected

  const again = setInterval(() => demo.kill('SIGINT'), 700)

  expect(await demo.ended).toBe(130)
  clearInterval(again)
  silent.close()
})
