import { createServer, type AddressInfo } from 'node:net'
import pg from 'pg'
import { expect, test } from 'vitest'
import { startServer } from '../support/own-server.js'
import { lockWorld, lossOf } from '../support/lock-world.js'
import { rejection } from '../support/fake-world.js'
import { TcpProxy } from '../support/tcp-proxy.js'

const world = lockWorld()

function urlWith(change: (url: URL) => void): string {
  const url = new URL(world.database.url)
  change(url)
  return url.href
}

test.each([
  ['a wrong password', { password: 'wrong' }, /password authentication failed/, false],
  ['a database that does not exist', { pathname: '/nowhere' }, /does not exist/, false],
  ['a user that does not exist', { username: 'nobody_here' }, /authentication failed|does not exist/, false],
  ['a port where nothing listens', { port: '1' }, /ECONNREFUSED/, true],
  ['a host that does not exist', { hostname: 'nowhere.invalid' }, /ENOTFOUND|EAI_AGAIN/, true],
] as const)('%s is reported clearly, at once, to every caller', async (_, change, message, retryable) => {
  const locks = world.pool({ connection: urlWith((url) => Object.assign(url, change)) })

  const errors = await Promise.all([
    rejection(locks.ready()),
    rejection(locks.acquire('orders')),
    rejection(locks.tryAcquire('invoices')),
    rejection(locks.withLock('items', () => undefined)),
  ])

  for (const error of errors) {
    expect(error).toMatchObject({ code: 'CONNECTION_FAILED', retryable })
    expect(error.message).toMatch(message)
    expect(`${error.message} ${String(error.cause)}`).not.toMatch(/wrong/)
  }
  await locks.close()
})

test('a server that accepts and stays silent costs a caller only its timeout', async () => {
  await using proxy = await TcpProxy.to(world.database.url)
  proxy.isSilent = true
  const locks = world.pool({ connection: proxy.url })
  const since = performance.now()

  const error = await rejection(locks.acquire('orders', { timeoutMs: 300 }))

  expect(error).toMatchObject({ code: 'LOCK_TIMEOUT', phase: 'connecting' })
  expect(performance.now() - since).toBeLessThan(2000)
  await locks.close({ graceMs: 0 })
})

test('something that is no PostgreSQL is refused', async () => {
  const web = createServer((socket) => socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  const locks = world.pool({
    connection: urlWith((url) => (url.port = String((web.address() as AddressInfo).port))),
  })

  expect(await rejection(locks.acquire('orders', { timeoutMs: 3000 }))).toMatchObject({
    code: expect.stringMatching(/CONNECTION_FAILED|LOCK_TIMEOUT/),
  })

  await locks.close({ graceMs: 0 })
  await new Promise((resolve) => web.close(resolve))
})

test('a server that ends every connection at once gets few attempts', async () => {
  let attempts = 0
  const rude = createServer((socket) => {
    attempts++
    socket.destroy()
  })
  await new Promise<void>((resolve) => rude.listen(0, '127.0.0.1', resolve))
  const locks = world.pool({
    connection: urlWith((url) => (url.port = String((rude.address() as AddressInfo).port))),
  })
  const until = performance.now() + 2000

  let refused = 0
  while (performance.now() < until) {
    await locks.acquire('orders').catch(() => refused++)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }

  expect(refused).toBeGreaterThan(100)
  expect(attempts).toBeLessThanOrEqual(6)
  await locks.close()
  await new Promise((resolve) => rude.close(resolve))
})

test('a black hole: the locks are declared lost before the server frees them, and others get them then', async () => {
  await using proxy = await TcpProxy.to(world.database.url)
  const cut = world.pool({ connection: proxy.url, leaseMs: 2000 })
  const other = world.pool({ leaseMs: 2000 })
  const lock = await cut.acquire('orders')
  const since = performance.now()
  const lost = lossOf(lock)

  proxy.cut()
  const next = other.acquire('orders').then(() => performance.now() - since)

  const [lostAfter, takenAfter] = await Promise.all([lost, next])
  expect(lostAfter).toBeLessThan(takenAfter)
  expect(takenAfter).toBeLessThan(3000)
  expect(lock.signal.reason.message).toMatch(/not heard of/)
  expect(await rejection(lock.release())).toMatchObject({ code: 'LOCK_LOST' })
  proxy.mend()
  await expect
    .poll(
      () =>
        cut.acquire('invoices').then(
          (again) => again.state,
          (error) => error.code,
        ),
      { timeout: 5000 },
    )
    .toBe('held')
})

test('a lost answer does not count as a lock', async () => {
  await using proxy = await TcpProxy.to(world.database.url)
  const locks = world.pool({ connection: proxy.url, leaseMs: 1000 })
  await locks.ready()
  proxy.losesToClient = true

  const error = await rejection(locks.acquire('orders', { timeoutMs: 400 }))
  expect(error).toMatchObject({ code: 'LOCK_TIMEOUT' })
  expect(await world.locks(), 'the server has granted it').toHaveLength(1)

  await expect.poll(() => world.locks(), { timeout: 5000 }).toEqual([])
  proxy.mend()
})

test('if the last message of a server arrives but not its close, no socket of ours stays open', async () => {
  await using proxy = await TcpProxy.to(world.database.url)
  const locks = world.pool({ connection: proxy.url, min: 0 })
  const lost = lossOf(await locks.acquire('orders'))
  proxy.losesCloses = true

  await world.terminate(...(await world.sessions()))
  await lost

  await expect.poll(() => proxy.connections, { timeout: 5000 }).toBe(0)
  proxy.losesCloses = false
  await locks.close({ graceMs: 0 })
})

test('connections that are reset cost the locks on them, and nothing else', async () => {
  await using proxy = await TcpProxy.to(world.database.url)
  const locks = world.pool({ connection: proxy.url })
  const held = await Promise.all(['a', 'b', 'c'].map((key) => locks.acquire(key)))
  const losses = Promise.all(held.map(lossOf))

  proxy.reset()
  await losses

  expect(held.map((lock) => lock.state)).toEqual(['lost', 'lost', 'lost'])
  expect((await locks.acquire('a')).state).toBe('held')
})

test('a full lock table: a clear error, nothing of ours left in it, and we go on when there is room', async () => {
  // The test starts its own server, because a full lock table would fail the statements of every other test.
  await using server = await startServer({ max_connections: 20, max_locks_per_transaction: 10 })
  const stranger = new pg.Client(server.url)
  await stranger.connect()
  const locks = world.pool({ connection: server.url, max: 3, maxHeldLocks: 1_000_000 })
  await locks.ready()
  await rejection(
    stranger.query('SELECT pg_advisory_lock(1000000000 + i) FROM generate_series(1, 50000) AS i'),
  )
  await stranger.query('SELECT pg_advisory_unlock(1000000000 + i) FROM generate_series(1, 50) AS i')

  const outcomes = await Promise.allSettled(Array.from({ length: 3000 }, (_, i) => locks.acquire(`key ${i}`)))

  const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
  expect(refused.length).toBeGreaterThan(0)
  for (const { reason } of refused) expect(reason).toMatchObject({ code: 'LOCK_TABLE_FULL', retryable: true })
  await stranger.query('SELECT pg_advisory_unlock_all()')
  const held = outcomes.length - refused.length
  const { rows } = await stranger.query(
    `SELECT count(*)::int AS count FROM pg_locks WHERE locktype = 'advisory'`,
  )
  expect(rows).toEqual([{ count: held }])
  await Promise.all(Array.from({ length: 200 }, (_, i) => locks.acquire(`again ${i}`)))
  await locks.close({ graceMs: 0 })
  await stranger.end()
})

test('a process that has closed its pool can exit, and one that crashed left nothing', async () => {
  const { spawnSync } = await import('node:child_process')
  const script = (end: string): string => `
    import { LockPool } from 'lockpool'
    const locks = new LockPool({ connection: ${JSON.stringify(world.database.url)}, applicationName: 'lockpool test' })
    const held = await Promise.all(['a', 'b'].map((key) => locks.acquire(key)))
    const waiting = locks.acquire('a').catch((error) => console.log(error.code))
    ${end}`
  const run = (end: string) =>
    spawnSync(process.execPath, ['--input-type=module', '-e', script(end)], {
      encoding: 'utf8',
      timeout: 15_000,
    })

  const closed = run(`await Promise.all([locks.close({ graceMs: 50 }), waiting]); console.log('closed')`)
  expect(closed).toMatchObject({ status: 0, stdout: 'POOL_CLOSED\nclosed\n', stderr: '' })

  const crashed = run(`process.kill(process.pid, 'SIGKILL')`)
  expect(crashed.signal).toBe('SIGKILL')
  await expect.poll(() => world.locks(), { timeout: 5000 }).toEqual([])
})
