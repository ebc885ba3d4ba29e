import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { int32, message } from '../../../src/serve/messages/backend.js'
import { FRONTEND } from '../../../src/serve/messages/frontend.js'
import { ask, serveWorld } from '../../support/serve-world.js'
import * as wire from '../../support/wire-client.js'
import { WireClient } from '../../support/wire-client.js'

const world = serveWorld()

const open: WireClient[] = []
afterEach(() => {
  for (const { socket } of open.splice(0)) socket.destroy()
})

async function connect(front: { readonly port: number }): Promise<WireClient> {
  const client = await WireClient.connect(front)
  open.push(client)
  return client
}

const TYPES = Object.values(FRONTEND)

/** Messages with a valid frame. Many of them also have valid contents. */
const someMessage = fc.oneof(
  fc
    .tuple(fc.constantFrom(...TYPES), fc.uint8Array({ maxLength: 30 }))
    .map(([type, body]) => message(type, Buffer.from(body))),
  fc.constantFrom(
    wire.SYNC,
    wire.FLUSH,
    wire.parse('', 'SELECT pg_try_advisory_lock($1)'),
    wire.parse('s', 'BEGIN'),
    wire.bind('', '', [Buffer.from('1')]),
    wire.bind('', 's'),
    wire.describeStatement('s'),
    wire.describePortal(''),
    wire.execute(''),
    wire.query('SELECT pg_advisory_unlock_all()'),
    wire.query('SAVEPOINT a; ROLLBACK TO a'),
  ),
)

describe('hostile or broken clients', () => {
  test('do no harm to others with any messages, and leave no lock', { timeout: 60_000 }, async () => {
    const front = await world.front({ loginTimeoutMs: 1000 })
    const good = await world.client(front)
    await ask(good, 'SELECT pg_advisory_lock(99)')
    await fc.assert(
      fc.asyncProperty(
        fc.array(someMessage, { maxLength: 12 }),
        fc.boolean(),
        async (messages, isLoggedIn) => {
          const bad = await connect(front)
          if (isLoggedIn) await bad.logIn()
          bad.send(...messages)
          bad.send(Buffer.from([0xff, 0, 0]))
          bad.socket.end()
          await bad.closed()
        },
      ),
      { numRuns: 150 },
    )
    expect(await ask(good, 'SELECT pg_advisory_unlock(99)')).toEqual([[true]])
    await expect.poll(() => front.front.clients).toBe(1)
    await expect.poll(async () => (await world.locks()).filter(({ objsubid }) => objsubid === 1)).toEqual([])
  })

  test('do no harm with random bytes', async () => {
    const front = await world.front({ loginTimeoutMs: 1000 })
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 100 }), async (bytes) => {
        const bad = await connect(front)
        bad.send(Buffer.from(bytes))
        bad.socket.end()
        await bad.closed()
      }),
      { numRuns: 100 },
    )
    expect(await ask(await world.client(front), 'SELECT 1')).toEqual([[1]])
  })

  test('may send byte by byte', async () => {
    const client = await connect(await world.front())
    await client.logIn()
    for (const byte of wire.query('SELECT pg_try_advisory_lock(1)')) {
      client.send(Buffer.from([byte]))
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    expect(await client.until('Z')).toBe('T D C Z')
  })

  test('that send far ahead of the answers are disconnected, and those that send a little ahead are not', async () => {
    const front = await world.front()
    await world.database.query('SELECT pg_advisory_lock(1)')
    const [greedy, eager] = [await connect(front), await connect(front)]
    for (const client of [greedy, eager]) {
      await client.logIn()
      client.send(wire.query('SELECT pg_advisory_lock(1)'))
    }
    const big = wire.query(`SELECT 1 /* ${'x'.repeat(900_000)} */`)
    greedy.send(big, big, big)
    eager.send(wire.query('SELECT pg_advisory_unlock(1)'))
    await greedy.until('E')
    expect(greedy.states).toEqual(['53400'])
    await world.database.query('SELECT pg_advisory_unlock(1)')
    expect(await eager.until('Z', 2)).toBe('T D C Z T D C Z')
  })

  test('that take very many locks at once hold them all, or get an error that there is no room', async () => {
    const front = await world.front()
    const client = await connect(front)
    await client.logIn()
    const count = 500
    for (let i = 0; i < count; i++) client.send(wire.query(`SELECT pg_advisory_lock(${1000 + i})`))
    await client.until('Z', count)
    expect(new Set(client.states).size).toBeLessThanOrEqual(1)
    client.socket.destroy()
    await expect.poll(async () => (await world.locks()).filter(({ objsubid }) => objsubid === 1)).toEqual([])
  })

  test('that are silent before their login do not keep others out', async () => {
    const front = await world.front({ maxClients: 20, loginTimeoutMs: 3_600_000 })
    const silent = await Promise.all(Array.from({ length: 30 }, () => connect(front)))
    expect(await ask(await world.client(front), 'SELECT 1')).toEqual([[1]])
    // The front has disconnected the eleven oldest: ten to admit newer silent connections, and one to admit the client.
    await Promise.all(silent.slice(0, 11).map((each) => each.closed()))
    expect(front.front.refused).toBe(11)
  })

  test('that stop in the middle of their login lose their connection in time, however slowly they go on', async () => {
    const front = await world.front({ maxClients: 1000, loginTimeoutMs: 1000 })
    const half = await Promise.all(Array.from({ length: 200 }, () => connect(front)))
    const startup = Buffer.concat([message(0, Buffer.from('user\0me\0\0')).subarray(1)])
    for (const [i, client] of half.entries()) {
      if (i % 3 === 0) client.send(startup.subarray(0, 6))
      if (i % 3 === 1) client.send(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]))
    }
    const slow = half[0]!
    const drip = setInterval(() => slow.send(Buffer.from([0])), 50)
    expect(await ask(await world.client(front), 'SELECT pg_try_advisory_lock(1)')).toEqual([[true]])
    await Promise.all(half.map((each) => each.closed()))
    clearInterval(drip)
    expect(front.front.clients).toBe(1)
    expect(front.front.refused).toBe(200)
  })

  test('that guess passwords get nothing but a refusal, and do not delay a client that waits', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lockpool-users-'))
    const usersFile = join(folder, 'users.txt')
    await writeFile(usersFile, '"app" "secret"\n')
    const front = await world.front({ usersFile })
    await rm(folder, { recursive: true })
    const [holder, waiter] = await Promise.all(
      [1, 2].map(() => world.client(front, { user: 'app', password: 'secret' })),
    )
    await ask(holder!, 'SELECT pg_advisory_lock(1)')
    const waiting = ask(waiter!, 'SELECT pg_advisory_lock(1)')
    const guess = async (at: number): Promise<unknown> => {
      const user = at % 2 === 0 ? 'app' : `nobody ${at}`
      return await world.client(front, { user, password: `guess ${at}` }).catch((error: unknown) => error)
    }
    for (let round = 0; round < 5; round++) {
      const refusals = await Promise.all(Array.from({ length: 20 }, (_, i) => guess(round * 20 + i)))
      for (const refusal of refusals) expect(refusal).toMatchObject({ code: '28P01' })
    }
    await ask(holder!, 'SELECT pg_advisory_unlock(1)')
    expect(await waiting).toEqual([['']])
    expect([front.front.clients, front.front.refused]).toEqual([2, 100])
  })

  test('that do not read their answers do not hold up others, and get all when they read', async () => {
    const front = await world.front()
    const deaf = await connect(front)
    await deaf.logIn()
    deaf.socket.pause()
    const count = 30_000
    const one = wire.query('SELECT version()')
    for (let i = 0; i < count; i += 1000) deaf.send(...Array.from({ length: 1000 }, () => one))
    expect(await ask(await world.client(front), 'SELECT 1')).toEqual([[1]])
    deaf.socket.resume()
    expect((await deaf.until('Z', count)).split(' ').filter((type) => type === 'D')).toHaveLength(count)
  })

  test('that cancel without the secret of a session cancel nothing', async () => {
    const front = await world.front()
    const client = await connect(front)
    client.startup({ user: 'somebody', database: 'postgres' })
    await client.until('Z')
    const key = client.bodies('K')[0]!
    await world.database.query('SELECT pg_advisory_lock(1)')
    client.take()
    client.send(wire.query('SELECT pg_advisory_lock(1)'))
    const cancel = async (processId: number, secret: number): Promise<void> => {
      const body = Buffer.concat([int32(16), int32(80_877_102), int32(processId), int32(secret)])
      const canceler = await connect(front)
      canceler.send(body)
      await canceler.closed()
    }
    const [processId, secret] = [key.readInt32BE(0), key.readInt32BE(4)]
    for (let i = 1; i <= 50; i++) await cancel(processId, secret ^ i)
    await cancel(processId + 1, secret)
    expect(client.states).toEqual([])
    await cancel(processId, secret)
    await client.until('Z')
    expect(client.states).toEqual(['57014'])
    await world.database.query('SELECT pg_advisory_unlock(1)')
  })
})
