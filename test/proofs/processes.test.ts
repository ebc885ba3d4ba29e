import { expect, test } from 'vitest'
import { script } from '../support/command-line.js'
import { lockWorld } from '../support/lock-world.js'
import { startServer } from '../support/own-server.js'

const world = lockWorld()

/** Adds to a counter by reading, waiting and writing. If two processes did so at the same time, additions would be lost. */
const WORKER = `
  import pg from 'pg'
  import { LockPool } from 'lockpool'
  const { TEST_DATABASE: url, TEST_ROUNDS: rounds, TEST_LOCKS: withLocks } = process.env
  const locks = new LockPool({ connection: url, applicationName: 'lockpool test', acquireTimeoutMs: Infinity })
  const client = new pg.Client(url)
  await client.connect()
  async function add(token) {
    const { rows } = await client.query('SELECT value FROM counter')
    await new Promise((resolve) => setTimeout(resolve, 2))
    await client.query('UPDATE counter SET value = $1', [rows[0].value + 1])
    if (token !== null) await client.query('INSERT INTO grant_log (token) VALUES ($1)', [String(token)])
  }
  for (let i = 0; i < Number(rounds); i++) {
    if (withLocks === 'yes') await locks.withLock('counter', (lock) => add(lock.token))
    else await add(null)
  }
  await locks.close()
  await client.end()
`

async function count(processes: number, rounds: number, locks: 'yes' | 'no'): Promise<number> {
  await world.database.query(`
    DROP TABLE IF EXISTS counter, grant_log;
    CREATE TABLE counter AS SELECT 0 AS value;
    CREATE TABLE grant_log (place int GENERATED ALWAYS AS IDENTITY, token bigint)`)
  const env = { TEST_DATABASE: world.database.url, TEST_ROUNDS: String(rounds), TEST_LOCKS: locks }
  const workers = Array.from({ length: processes }, () => script(WORKER, env))
  for (const worker of workers) expect(await worker.ended, worker.err).toBe(0)
  const { rows } = await world.database.query<{ value: number }>('SELECT value FROM counter')
  return rows[0]!.value
}

test('processes that add to a counter lose no addition, and their tokens grow', async () => {
  expect(await count(4, 30, 'yes')).toBe(120)

  const { rows } = await world.database.query<{ token: string }>('SELECT token FROM grant_log ORDER BY place')
  const tokens = rows.map(({ token }) => BigInt(token))
  expect(tokens).toHaveLength(120)
  expect(tokens.every((token, i) => i === 0 || token > tokens[i - 1]!)).toBe(true)
})

test('without locks the same processes lose additions', async () => {
  expect(await count(4, 30, 'no')).toBeLessThan(120)
})

test('a process that is killed while it holds costs no other process a turn', async () => {
  const held = `
    import { LockPool } from 'lockpool'
    const locks = new LockPool({ connection: process.env.TEST_DATABASE, applicationName: 'lockpool test' })
    const lock = await locks.acquire('orders', { timeoutMs: Infinity })
    console.log('held ' + lock.token)`
  const env = { TEST_DATABASE: world.database.url }
  const victim = script(`${held}; setInterval(() => undefined, 1000)`, env)
  await victim.says('held')
  const others = [1, 2, 3].map(() => script(`${held}; await locks.close({ graceMs: 0 })`, env))
  await expect
    .poll(() => world.sessions().then((pids) => pids.length), { timeout: 10_000 })
    .toBeGreaterThan(3)

  victim.kill('SIGKILL')

  expect(await Promise.all(others.map((each) => each.ended))).toEqual([0, 0, 0])
  const tokens = others.map((each) => BigInt(/held (\d+)/.exec(each.out.toString())![1]!))
  expect(new Set(tokens).size).toBe(3)
})

/**
 * Acquires and releases the lock until it gets SIGTERM. The token guards every write, and `written` counts only
 * confirmed writes. Each loss must be reported exactly once, by the signal and by `release`.
 */
const SURVIVOR = `
  import pg from 'pg'
  import { LockPool } from 'lockpool'
  const url = process.env.TEST_DATABASE
  const locks = new LockPool({ connection: url, acquireTimeoutMs: Infinity })
  const data = new pg.Pool({ connectionString: url, max: 1 })
  data.on('error', () => undefined)
  const report = { written: 0, unknown: 0, lost: 0, signals: 0, rounds: 0, afterwards: 0 }
  let isOver = false, isBack = false
  process.on('SIGUSR1', () => { isBack = true })
  process.on('SIGTERM', () => { isOver = true })
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
  while (!isOver) {
    let lock
    try {
      lock = await locks.acquire('counter', { timeoutMs: 2000 })
    } catch {
      await pause(20)
      continue
    }
    report.rounds++
    if (isBack && ++report.afterwards === 1) console.log('served again')
    lock.signal.addEventListener('abort', () => report.signals++)
    try {
      const { rowCount } = await data.query(
        'UPDATE counter SET value = value + 1, token = $1 WHERE token < $1', [String(lock.token)])
      report.written += rowCount
      if (report.written === 1) console.log('at work')
    } catch {
      report.unknown++
    }
    await pause(10)
    await lock.release().catch((error) => { if (error.code === 'LOCK_LOST') report.lost++; else throw error })
  }
  await locks.close({ graceMs: 0 })
  await data.end()
  console.log(JSON.stringify(report))
`

interface Report {
  readonly written: number
  readonly unknown: number
  readonly lost: number
  readonly signals: number
  readonly rounds: number
  readonly afterwards: number
}

test.each(['fast', 'immediate'] as const)(
  'after a restart of the server (%s) each holder learns of its loss once, and the counter stays right',
  async (mode) => {
    await using server = await startServer()
    const prepare = script(
      `import pg from 'pg'
       const client = new pg.Client(process.env.TEST_DATABASE)
       await client.connect()
       await client.query('CREATE TABLE counter AS SELECT 0::bigint AS value, 0::bigint AS token')
       await client.end()`,
      { TEST_DATABASE: server.url },
    )
    expect(await prepare.ended, prepare.err).toBe(0)
    const survivors = [1, 2, 3].map(() => script(SURVIVOR, { TEST_DATABASE: server.url }))
    await Promise.all(survivors.map((each) => each.says('at work')))

    await server.restart(mode)

    for (const each of survivors) each.kill('SIGUSR1')
    await Promise.all(survivors.map((each) => each.says('served again')))
    for (const each of survivors) each.kill('SIGTERM')
    for (const each of survivors) expect(await each.ended, each.err).toBe(0)
    const reports = survivors.map(
      (each) => JSON.parse(each.out.toString().trim().split('\n').at(-1)!) as Report,
    )
    const sum = (name: keyof Report): number => reports.reduce((total, each) => total + each[name], 0)
    const read = script(
      `import pg from 'pg'
       const client = new pg.Client(process.env.TEST_DATABASE)
       await client.connect()
       console.log((await client.query('SELECT value FROM counter')).rows[0].value)
       await client.end()`,
      { TEST_DATABASE: server.url },
    )
    expect(await read.ended, read.err).toBe(0)
    const value = Number(read.out.toString())
    expect(sum('signals')).toBe(sum('lost'))
    // A server that stops ends its sessions one after the other. So several processes may lose the lock in turn, but
    // none twice.
    for (const { lost } of reports) expect(lost).toBeLessThanOrEqual(1)
    // A write whose answer was lost may have been committed.
    expect(value).toBeGreaterThanOrEqual(sum('written'))
    expect(value).toBeLessThanOrEqual(sum('written') + sum('unknown'))
    for (const { afterwards } of reports) expect(afterwards).toBeGreaterThan(0)
  },
  120_000,
)

test.each([
  ['process.exit()', 'process.exit(3)', 3],
  ['an uncaught error', `setImmediate(() => { throw new Error('mine') })`, 1],
])('a process that ends by %s leaves nothing on the server', async (_, end, code) => {
  const worker = script(
    `import { LockPool } from 'lockpool'
     const locks = new LockPool({ connection: process.env.TEST_DATABASE, applicationName: 'lockpool test', leakWarningMs: 60_000 })
     await Promise.all(['a', 'b', 'c'].map((key) => locks.acquire(key)))
     await locks.connections.connect()
     locks.acquire('a').catch(() => undefined)
     locks.campaign('d')
     ${end}`,
    { TEST_DATABASE: world.database.url },
  )

  expect(await worker.ended).toBe(code)

  await expect.poll(() => world.sessions(), { timeout: 5000 }).toEqual([])
  expect(await world.locks()).toEqual([])
})
