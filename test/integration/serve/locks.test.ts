import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { ask, serveWorld, type TestFront } from '../../support/serve-world.js'

const world = serveWorld()

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function two(front: TestFront): Promise<[pg.Client, pg.Client]> {
  return [await world.client(front), await world.client(front)]
}

/** Resolves when a client of the front waits for a lock. */
async function waits({ front }: TestFront): Promise<void> {
  await expect.poll(() => [...front.sessions].filter((session) => session.isBusy).length).toBe(1)
}

describe('lock functions over the wire', () => {
  test('exclude clients of one front, programs straight at the server, and other pools', async () => {
    const front = await world.front()
    const [one, other] = await two(front)
    expect(await ask(one, 'SELECT pg_advisory_lock(1)')).toEqual([['']])
    expect(await ask(other, 'SELECT pg_try_advisory_lock(1)')).toEqual([[false]])
    expect(await world.isFree(1)).toBe(false)
    expect(await world.pool().tryAcquire(1n)).toBeNull()
    expect(await ask(one, 'SELECT pg_advisory_unlock(1)')).toEqual([[true]])
    expect(await world.isFree(1)).toBe(true)
    await world.database.query('SELECT pg_advisory_lock(1)')
    expect(await ask(other, 'SELECT pg_try_advisory_lock(1)')).toEqual([[false]])
    await world.database.query('SELECT pg_advisory_unlock(1)')
  })

  test('exclude the clients of two fronts, which wake each other', async () => {
    const [here, there] = [await world.front(), await world.front()]
    const [one, other] = [await world.client(here), await world.client(there)]
    await ask(one, 'SELECT pg_advisory_lock(1, 2)')
    const waiting = ask(other, 'SELECT pg_advisory_lock(1, 2)')
    await waits(there)
    await ask(one, 'SELECT pg_advisory_unlock(1, 2)')
    expect(await waiting).toEqual([['']])
  })

  test('are shared by readers, counted, and warned of when not held', async () => {
    const front = await world.front()
    const [one, other] = await two(front)
    const notices: string[] = []
    one.on('notice', ({ code, message }) => notices.push(`${code} ${message}`))
    await ask(one, 'SELECT pg_advisory_lock_shared(5), pg_advisory_lock_shared(5)')
    expect(await ask(other, 'SELECT pg_try_advisory_lock_shared(5), pg_try_advisory_lock(6)')).toEqual([
      [true, true],
    ])
    expect(await ask(one, 'SELECT pg_try_advisory_lock(6)')).toEqual([[false]])
    expect(await ask(one, 'SELECT pg_advisory_unlock(5)')).toEqual([[false]])
    expect(await ask(one, 'SELECT pg_advisory_unlock_shared(7)')).toEqual([[false]])
    expect(notices).toEqual([
      "01000 you don't own a lock of type ExclusiveLock",
      "01000 you don't own a lock of type ShareLock",
    ])
    expect(await ask(one, 'SELECT pg_advisory_unlock_all()')).toEqual([['']])
  })

  test('the last reader becomes the writer, whichever reader it is, and then a reader again', async () => {
    const [here, there] = [await world.front(), await world.front()]
    const [one, beside] = await two(here)
    const elsewhere = await world.client(there)
    const direct = await world.direct()
    const readers = [beside, elsewhere, direct]
    for (const reader of [one, ...readers]) await ask(reader, 'SELECT pg_advisory_lock_shared(1)')
    expect(await ask(one, 'SELECT pg_try_advisory_lock(1)')).toEqual([[false]])
    const upgrade = ask(one, 'SELECT pg_advisory_lock(1)')
    await waits(here)
    for (const reader of readers) {
      expect(await Promise.race([upgrade, sleep(20)])).toBeUndefined()
      expect(await ask(reader, 'SELECT pg_advisory_unlock_shared(1)')).toEqual([[true]])
    }
    expect(await upgrade).toEqual([['']])
    for (const reader of readers)
      expect(await ask(reader, 'SELECT pg_try_advisory_lock_shared(1)')).toEqual([[false]])
    // The client can become a reader again although a writer waits in the server.
    const writing = ask(direct, 'SELECT pg_advisory_lock(1)')
    await sleep(50)
    expect(await ask(one, 'SELECT pg_advisory_unlock(1)')).toEqual([[true]])
    expect(await world.isFree(1)).toBe(false)
    expect(await Promise.race([writing, sleep(50)])).toBeUndefined()
    expect(await ask(one, 'SELECT pg_advisory_unlock_shared(1)')).toEqual([[true]])
    expect(await writing).toEqual([['']])
  })

  test('find that two readers that want to write wait for each other, at one front and at two', async () => {
    const [here, there] = [await world.front(), await world.front()]
    for (const other of [here, there]) {
      const [one, two] = [await world.client(here), await world.client(other)]
      for (const reader of [one, two]) await ask(reader, 'SELECT pg_advisory_lock_shared(2)')
      const answers = [one, two].map(async (client) => {
        const answer = await ask(client, 'SELECT pg_advisory_lock(2)')
        await ask(client, 'SELECT pg_advisory_unlock_all()')
        return answer
      })
      expect((await Promise.all(answers)).map(String).toSorted()).toEqual(['', '40P01 deadlock detected'])
    }
  })

  test('take constants, parameters and expressions, which the server evaluates', async () => {
    const client = await world.client(await world.front())
    expect(await ask(client, 'SELECT pg_advisory_lock($1)', ['9223372036854775807'])).toEqual([['']])
    expect(await ask(client, 'SELECT pg_try_advisory_lock($1, $2) AS t', [1, -2])).toEqual([[true]])
    expect(await ask(client, "SELECT pg_advisory_lock(hashtext('invoice'))")).toEqual([['']])
    expect(await ask(client, 'SELECT pg_advisory_unlock(hashtext($1))', ['invoice'])).toEqual([[true]])
    expect(await ask(client, 'SELECT pg_advisory_lock(NULL)')).toEqual([[null]])
    expect(await ask(client, 'SELECT pg_advisory_lock($1)', ['x'])).toMatch(/^22P02 /)
    expect(await ask(client, 'SELECT pg_advisory_lock($1, 2)', ['3000000000'])).toMatch(/^22003 /)
  })

  test('of the transaction end with it, at a savepoint, and at an error', async () => {
    const front = await world.front()
    const [one] = await two(front)
    await ask(one, 'BEGIN')
    await ask(one, 'SELECT pg_advisory_xact_lock(1)')
    await ask(one, 'SAVEPOINT a')
    await ask(one, 'SELECT pg_advisory_xact_lock(2)')
    await ask(one, 'ROLLBACK TO a')
    expect([await world.isFree(1), await world.isFree(2)]).toEqual([false, true])
    expect(await ask(one, 'SELECT nonsense')).toMatch(/^0A000 /)
    // The lock from before the savepoint is still held.
    expect(await world.isFree(1)).toBe(false)
    expect(await ask(one, 'SELECT pg_advisory_xact_lock(3)')).toMatch(/^25P02 /)
    const { command } = await one.query('COMMIT')
    expect([command, await world.isFree(1)]).toEqual(['ROLLBACK', true])
    await ask(one, 'SELECT pg_advisory_xact_lock(4)')
    expect(await world.isFree(4)).toBe(true)
  })

  test('wait as long as lock_timeout and statement_timeout say', async () => {
    const front = await world.front()
    const [one, other] = await two(front)
    await ask(one, 'SELECT pg_advisory_lock(1)')
    await ask(other, "SET lock_timeout = '50ms'")
    expect(await ask(other, 'SELECT pg_advisory_lock(1)')).toBe(
      '55P03 canceling statement due to lock timeout',
    )
    await ask(other, "SET lock_timeout = 0; SET statement_timeout = '50ms'")
    expect(await ask(other, 'SELECT pg_advisory_lock(1)')).toBe(
      '57014 canceling statement due to statement timeout',
    )
    await ask(other, 'BEGIN; SET LOCAL statement_timeout = 0')
    expect(await ask(other, 'SHOW statement_timeout')).toEqual([['0']])
    await ask(other, 'ROLLBACK')
    expect(await ask(other, 'SHOW statement_timeout')).toEqual([['50ms']])
    await ask(other, 'RESET ALL')
    expect(await ask(other, 'SHOW statement_timeout')).toEqual([['0']])
  })

  test('are canceled by a request with the right key, and by no other', async () => {
    const front = await world.front()
    const [one, other] = await two(front)
    await ask(one, 'SELECT pg_advisory_lock(1)')
    const waiting = ask(other, 'SELECT pg_advisory_lock(1)')
    await waits(front)
    const { processID, secretKey } = other as unknown as { processID: number; secretKey: number }
    await cancel(front.port, processID, secretKey + 1)
    await sleep(50)
    await waits(front)
    await cancel(front.port, processID, secretKey)
    expect(await waiting).toBe('57014 canceling statement due to user request')
    expect(await ask(other, 'SELECT 1 AS one')).toEqual([[1]])
  })

  test('find a deadlock of two clients, and of two fronts', async () => {
    const [here, there] = [await world.front(), await world.front()]
    for (const front of [here, there]) {
      const [one, other] = [await world.client(here), await world.client(front)]
      await ask(one, 'SELECT pg_advisory_lock(1)')
      await ask(other, 'SELECT pg_advisory_lock(2)')
      const waits = [
        ask(one, 'SELECT pg_advisory_lock(2)').then((answer) => ({ answer, client: one })),
        ask(other, 'SELECT pg_advisory_lock(1)').then((answer) => ({ answer, client: other })),
      ]
      const { answer, client: victim } = await Promise.race(waits)
      expect(answer).toBe('40P01 deadlock detected')
      await ask(victim, 'SELECT pg_advisory_unlock_all()')
      const answers = (await Promise.all(waits)).map((wait) => wait.answer)
      expect(answers).toContainEqual([['']])
      await Promise.all([one.end(), other.end()])
    }
  })

  test('are released by DISCARD ALL, and by the end of the client, however it comes', async () => {
    const front = await world.front()
    const [one, other] = await two(front)
    await ask(one, "SELECT pg_advisory_lock(1), lockpool.acquire('x', 1000)")
    await ask(one, 'DISCARD ALL')
    expect(await ask(other, "SELECT lockpool.try_acquire('x')")).not.toEqual([[null]])
    expect(await world.isFree(1)).toBe(true)
    await ask(one, 'SELECT pg_advisory_lock(2)')
    const waiting = ask(other, 'SELECT pg_advisory_lock(2)')
    await waits(front)
    ;(one as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
    expect(await waiting).toEqual([['']])
  })
})

describe("lockpool's own functions over the wire", () => {
  test('give tokens that grow, and share names with pools of the same namespace', async () => {
    const front = await world.front({ namespace: 'shop' })
    const [one, other] = await two(front)
    const token = async (client: pg.Client): Promise<bigint> =>
      BigInt(((await ask(client, "SELECT lockpool.acquire('invoice', 5000)")) as string[][])[0]![0]!)
    const first = await token(one)
    expect(await ask(one, "SELECT lockpool.token('invoice')")).toEqual([[String(first)]])
    expect(await ask(other, "SELECT lockpool.try_acquire('invoice')")).toEqual([[null]])
    expect(await ask(other, "SELECT lockpool.acquire('invoice', 20)")).toMatch(/^55P03 /)
    const pool = world.pool({ namespace: 'shop' })
    expect(await pool.tryAcquire('invoice')).toBeNull()
    expect(await ask(one, "SELECT lockpool.release('invoice'), lockpool.release('invoice')")).toEqual([
      [true, false],
    ])
    expect(await token(other)).toBeGreaterThan(first)
    expect(await ask(one, "SELECT lockpool.token('invoice')")).toEqual([[null]])
  })

  test('give as many permits as there are', async () => {
    const front = await world.front()
    const [one, other] = await two(front)
    const numbers = [
      await ask(one, "SELECT lockpool.permit('gpu', 2, 1000)"),
      await ask(other, "SELECT lockpool.permit('gpu', 2, 1000)"),
    ]
    expect(new Set(numbers.flat(2))).toEqual(new Set([1, 2]))
    expect(await ask(one, "SELECT lockpool.permit('gpu', 2, 20)")).toMatch(/^55P03 /)
    await other.end()
    expect(await ask(one, "SELECT lockpool.permit('gpu', 2, 5000)")).toEqual(numbers[1])
    expect(
      await ask(one, "SELECT lockpool.release('gpu'), lockpool.release('gpu'), lockpool.release('gpu')"),
    ).toEqual([[true, true, false]])
  })
})

describe('a lock that is lost', () => {
  test('ends the connection of its client with 57P01, and of no other', async () => {
    const front = await world.front({ max: 2 })
    const [one, other] = await two(front)
    const errors: (string | undefined)[] = []
    one.on('error', (error) => errors.push((error as pg.DatabaseError).code))
    await ask(one, 'SELECT pg_advisory_lock(1)')
    const holder = (await world.locks()).find(({ objid, objsubid }) => objid === '1' && objsubid === 1)
    await world.terminate(holder!.pid)
    await expect.poll(() => errors).toContain('57P01')
    expect(await ask(other, 'SELECT pg_advisory_lock(1)')).toEqual([['']])
  })
})

function cancel(port: number, processID: number, secretKey: number): Promise<void> {
  const connection = new pg.Connection({}) as pg.Connection & {
    connect(port: number, host: string): void
    cancel(processID: number, secretKey: number): void
  }
  return new Promise((resolve) => {
    connection.on('connect', () => connection.cancel(processID, secretKey))
    connection.on('end', () => resolve())
    connection.connect(port, '127.0.0.1')
  })
}
