import { spawn } from 'node:child_process'
import { once } from 'node:events'
import pg from 'pg'
import { expect, test } from 'vitest'
import { lockWorld } from '../support/lock-world.js'
import { startServer } from '../support/own-server.js'

const world = lockWorld()

test('with a full notification queue a release still succeeds, and waiters find the free key by polling', async (context) => {
  context.skip((await world.version()) < 17, 'its queue is too long to be filled')
  await using server = await startServer({ max_notify_queue_pages: 64 })
  const clients = [new pg.Client(server.url), new pg.Client(server.url)] as const
  await Promise.all(clients.map((client) => client.connect()))
  const [a, b] = [world.pool({ connection: server.url }), world.pool({ connection: server.url })]
  const warnings: string[] = []
  a.on('warning', ({ message, error }) => warnings.push(`${message}: ${String(error)}`))
  const held = await a.acquire('orders')
  const waiting = b.acquire('orders')
  await expect.poll(() => b.snapshot().listener).toBe('listening')
  // PostgreSQL cannot empty the notification queue while a listening session has an open transaction.
  await clients[0].query('LISTEN anything')
  await clients[0].query('BEGIN; SELECT 1')
  const fill = `SELECT pg_notify('anything', repeat('x', 7000) || i) FROM generate_series(1, 20) AS i`
  let full: Error | null = null
  for (let i = 0; i < 200 && full === null; i++) await clients[1].query(fill).catch((error) => (full = error))
  expect(full).toMatchObject({ code: '54000' })

  await held.release()
  const since = performance.now()
  const lock = await waiting

  expect(held.state).toBe('released')
  expect(performance.now() - since).toBeLessThan(5000)
  expect(warnings.join()).toMatch(/sending wake-ups failed/)
  await lock.release()
  await Promise.all([a.close(), b.close()])
  await Promise.all(clients.map((client) => client.end()))
})

test('the end of a listener and the loss of all its messages cost sleeping callers only time', async () => {
  const [a, b] = [world.pool(), world.pool()]
  const held = await a.acquire('orders')
  const waiting = b.acquire('orders')
  await expect.poll(() => b.snapshot().listener).toBe('listening')
  const known = new Set([a, b].flatMap((locks) => locks.snapshot().sessions.map(({ serverId }) => serverId)))
  const listeners = (await world.sessions()).filter((pid) => !known.has(pid))

  await world.terminate(...listeners)
  await held.release()

  expect((await waiting).state).toBe('held')
})

test('foreign messages on our channel cannot wake processes without end, and release nothing', async () => {
  const [a, b] = [world.pool(), world.pool()]
  const held = await a.acquire(5n)
  const waiting = b.acquire(5n)
  await expect.poll(() => b.snapshot().listener).toBe('listening')

  for (const payload of [
    '',
    'x',
    'x ring 5',
    'x ring 5 5 5',
    'x claim 5',
    'x fly 5',
    `x ring ${'9 '.repeat(3000)}`,
    '\u{1f514} ring 5',
  ]) {
    await world.database.query(`SELECT pg_notify('lockpool_1', $1)`, [payload])
  }
  await new Promise((resolve) => setTimeout(resolve, 100))

  expect(held.state).toBe('held')
  expect(b.snapshot()).toMatchObject({ held: 0, waiting: 1 })
  await held.release()
  await (await waiting).release()
})

test('a process that is stopped while messages for it pile up keeps none of its locks beyond their lease', async () => {
  const child = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { LockPool } from 'lockpool'
       const locks = new LockPool({ connection: ${JSON.stringify(world.database.url)}, leaseMs: 1000 })
       await locks.acquire(8n)
       locks.acquire(9n).catch(() => undefined)
       const look = setInterval(() => {
         if (locks.snapshot().listener !== 'listening') return
         clearInterval(look)
         console.log('listening')
       }, 10)`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const exited = once(child, 'exit')
  const other = world.pool()
  const theirs = await other.acquire(9n)
  await once(child.stdout, 'data')
  const heldOf8 = async (): Promise<number> =>
    (await world.locks()).filter(({ objid, objsubid }) => objid === '8' && objsubid === 1).length
  expect(await heldOf8()).toBe(1)

  child.kill('SIGSTOP')
  await world.database.query(
    `SELECT pg_notify('lockpool_1', repeat('x', 7900) || i) FROM generate_series(1, 3000) AS i`,
  )

  await expect.poll(heldOf8, { timeout: 6000 }).toBe(0)
  expect((await other.acquire(8n)).state).toBe('held')
  await theirs.release()
  child.kill('SIGKILL')
  await exited
})

test('a process that slept through its lease finds that out at the first check, and continues', async () => {
  const child = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { LockPool } from 'lockpool'
       const locks = new LockPool({ connection: ${JSON.stringify(world.database.url)}, leaseMs: 1000 })
       const lock = await locks.acquire('orders')
       const until = performance.now() + 2500
       while (performance.now() < until);
       console.log(lock.state)
       await new Promise((resolve) => setTimeout(resolve, 300))
       console.log((await locks.acquire('orders')).state)
       await locks.close({ graceMs: 0 })`,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let output = ''
  child.stdout.on('data', (text) => (output += text))
  child.stderr.on('data', (text) => (output += text))

  const [code] = await once(child, 'exit')

  expect({ code, output }).toEqual({ code: 0, output: 'lost\nheld\n' })
})
