import { createServer, type AddressInfo, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { HEARTBEAT } from '../../src/dialect/postgres/connection/heartbeat-sql.js'
import { lockWorld, lossOf } from '../support/lock-world.js'
import { rejection } from '../support/fake-world.js'
import { WirePooler, type PoolerRules } from '../support/wire-pooler.js'

const world = lockWorld()

const wire = (rules: Partial<PoolerRules> = {}): Promise<WirePooler> =>
  WirePooler.to(world.database.url, { mode: 'session', ...rules })

const ONE_CHARACTER_G = Buffer.from([0, 0, 0, 1, 0x67])

/** Whether a message is the row that grants a single lock. */
const isGrant = (message: Buffer): boolean => message[0] === 0x44 && message.includes(ONE_CHARACTER_G)

test.each([
  ['in the middle of the row', (message: Buffer) => message.subarray(0, message.length - 4)],
  ['between the row and the end of the answer', (message: Buffer) => message],
])(
  'an answer that is cut off %s grants nothing: the lock is acquired on another session, or not at all',
  async (_, part) => {
    let isCut = false
    await using between = await wire({
      reply: (message) => {
        if (isCut || !isGrant(message)) return message
        isCut = true
        return { last: part(message) }
      },
    })
    const locks = world.pool({ connection: between.url })
    await locks.ready()
    const [before] = locks.snapshot().sessions

    const lock = await locks.acquire('orders')

    expect(isCut).toBe(true)
    const [session] = locks.snapshot().sessions
    expect(session!.serverId).not.toBe(before!.serverId)
    expect((await world.locks()).map(({ pid }) => pid)).toEqual([session!.serverId])
    await lock.release()
    await locks.close()
  },
)

test('a session that is found in a transaction is not trusted with a lock any more', async () => {
  let isOdd = false
  await using between = await wire({
    reply: (message) => {
      if (isOdd && message[0] === 0x5a) message[5] = 'T'.charCodeAt(0)
      return message
    },
  })
  const locks = world.pool({ connection: between.url, leaseMs: 1500 })
  const lock = await locks.acquire('orders')
  const lost = lossOf(lock)

  isOdd = true
  await lost
  isOdd = false

  expect(lock.signal.reason).toMatchObject({
    code: 'LOCK_LOST',
    reason: expect.stringMatching(/transaction is open/),
  })
  expect((await locks.acquire('orders')).state).toBe('held')
  await locks.close({ graceMs: 0 })
})

test('every message on a lock session is complete: nothing is flushed without its end', async () => {
  const statements: string[] = []
  await using between = await wire({
    rewrite: (sql) => {
      statements.push(sql)
      return sql
    },
  })
  const [a, b] = [world.pool({ connection: between.url, max: 2, leaseMs: 1000 }), world.pool()]
  await a.ready()
  statements.splice(0)
  between.trace.splice(0)

  const other = await b.acquire('theirs')
  await Promise.all(Array.from({ length: 50 }, (_, i) => a.withLock(`key ${i % 20}`, () => undefined)))
  await rejection(a.acquire('theirs', { timeoutMs: 300 }))
  await other.release()
  await new Promise((resolve) => setTimeout(resolve, 1200))

  const questions = between.trace.join('').split('S').slice(0, -1)
  expect(between.trace.at(-1)).toMatch(/[SQ]/)
  expect(between.trace).not.toContain('H')
  for (const question of questions) expect(question).toMatch(/^(Q*|P?B(D?)E|Q*P?BD?E)$/)
  expect(statements.filter((sql) => /\b(BEGIN|COPY|DECLARE|START)\b/i.test(sql))).toEqual([])
  await a.close()
})

test('an unlock by another statement that no heartbeat noticed is reported as a loss by the release', async () => {
  let isMeddling = false
  await using between = await wire({
    rewrite: (sql) =>
      isMeddling && sql === HEARTBEAT
        ? HEARTBEAT.replace('SELECT', 'SELECT pg_advisory_unlock_all() AS x,')
        : sql,
  })
  const locks = world.pool({ connection: between.url, leaseMs: 1000 })
  const losses: string[] = []
  locks.on('lock:lost', ({ key }) => losses.push(key))
  isMeddling = true
  const lock = await locks.acquire('orders')
  await expect.poll(() => world.locks(), { timeout: 3000 }).toEqual([])

  expect(await rejection(lock.release())).toMatchObject({
    code: 'LOCK_LOST',
    reason: expect.stringMatching(/not held/),
  })
  expect(losses).toEqual(['orders'])
  await locks.close()
})

test.each([
  ['too old', `pg_catalog.current_setting('server_version_num')::int`, '130015', false, /too old/],
  ['a standby', 'pg_catalog.pg_is_in_recovery()', 'true', true, /standby/],
] as const)('a server that is %s is refused', async (_, expression, value, again, message) => {
  await using between = await wire({ rewrite: (sql) => sql.replace(expression, value) })
  const locks = world.pool({ connection: between.url })

  const error = await rejection(locks.acquire('orders'))

  expect(error).toMatchObject({ code: 'CONNECTION_FAILED', retryable: again })
  expect(error.message).toMatch(message)
  await locks.close()
})

const oversized = Buffer.from([0x52, 0x7f, 0xff, 0xff, 0xff, 0, 0])

test.each<[string, (socket: Socket) => void]>([
  [
    'random bytes',
    (socket) => socket.write(Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 89 + 7) % 256))),
  ],
  ['a message that claims two gigabytes', (socket) => socket.write(oversized)],
  ['a message of negative length', (socket) => socket.write(Buffer.from([0x52, 0xff, 0xff, 0xff, 0xff]))],
  ['nothing, and hangs up', (socket) => socket.end()],
  ['half a message, and hangs up', (socket) => socket.end(Buffer.from([0x52, 0, 0]))],
])('a server that says %s at the start costs a caller its timeout at most', async (_, speak) => {
  const sockets = new Set<Socket>()
  const odd = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('data', () => speak(socket))
  })
  await new Promise<void>((resolve) => odd.listen(0, '127.0.0.1', resolve))
  const url = new URL(world.database.url)
  url.port = String((odd.address() as AddressInfo).port)
  const locks = world.pool({ connection: url.href })

  const error = await rejection(locks.acquire('orders', { timeoutMs: 1500 }))

  expect(error).toMatchObject({ code: expect.stringMatching(/CONNECTION_FAILED|LOCK_TIMEOUT/) })
  expect(error.message).not.toContain(url.password)
  await locks.close({ graceMs: 0 })
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => odd.close(resolve))
})

test('TLS that the server does not speak is refused at once', async () => {
  const locks = world.pool({ connection: { connectionString: world.database.url, ssl: true } })

  const error = await rejection(locks.acquire('orders', { timeoutMs: 5000 }))

  expect(error).toMatchObject({ code: 'CONNECTION_FAILED', message: expect.stringMatching(/SSL/) })
  await locks.close()
})
