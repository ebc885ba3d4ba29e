import pg from 'pg'
import { expect, test } from 'vitest'
import { rejection } from '../support/fake-world.js'
import { lockWorld } from '../support/lock-world.js'
import { TcpProxy } from '../support/tcp-proxy.js'

/** Defects of pg.Pool that lockpool must not have. */
const world = lockWorld()

test('a lock that a borrower leaves is free, and does not look like a lock of the next borrower', async () => {
  const { connections } = world.pool({ max: 2 })
  const other = new pg.Client(world.database.url)
  await other.connect()
  try {
    await connections.query('SELECT pg_advisory_lock(7)')
    await connections.query('SELECT 1')

    expect((await other.query('SELECT pg_try_advisory_lock(7) AS mine')).rows).toEqual([{ mine: true }])
    expect((await connections.query('SELECT pg_try_advisory_lock(7) AS mine')).rows).toEqual([
      { mine: false },
    ])
  } finally {
    await other.end()
  }
})

test('a newcomer does not overtake a waiter, also when a connection comes back broken', async () => {
  const { connections } = world.pool({ max: 2 })
  const first = await connections.connect()
  const order: string[] = []
  const serve = (who: string): Promise<void> => connections.use(() => void order.push(who))
  const waiting = [serve('first'), serve('second')]

  first.release(true)
  waiting.push(serve('newcomer'))
  await Promise.all(waiting)

  expect(order).toEqual(['first', 'second', 'newcomer'])
})

test('the server never has more sessions than max, however many are released as broken', async () => {
  const MAX = 4
  const { connections } = world.pool({ max: MAX })
  let isOver = false
  let most = 0
  const watch = async (): Promise<void> => {
    while (!isOver) most = Math.max(most, (await world.sessions()).length)
  }
  const churn = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) {
      const client = await connections.connect()
      await client.query('SELECT 1')
      client.release(true)
    }
  }

  const watching = watch()
  try {
    await Promise.all(Array.from({ length: 12 }, churn))
  } finally {
    isOver = true
    await watching
  }

  expect(connections.counts().opened).toBeGreaterThanOrEqual(120)
  expect(most).toBeGreaterThan(0)
  expect(most).toBeLessThanOrEqual(MAX)
})

test('a running statement does not delay the next borrower while there is another connection', async () => {
  const { connections } = world.pool({ max: 3 })
  const first = await connections.connect()
  const slow = rejection(first.query('SELECT pg_sleep(60)'))
  first.release()

  expect((await connections.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])

  await world.terminate(first.processID)
  await slow
})

test('a connection whose end is never confirmed makes room for a waiter', async () => {
  await using proxy = await TcpProxy.to(world.database.url)
  const { connections } = world.pool({ connection: proxy.url, max: 2 })
  const client = await connections.connect()
  proxy.losesCloses = true
  client.release(true)

  expect((await connections.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
})

test('a transaction that failed in one message with others does not reach the next borrower', async () => {
  const { connections } = world.pool({ max: 2 })

  for (let i = 0; i < 50; i++) {
    await rejection(connections.query('BEGIN; SELECT 1/0'))
    expect((await connections.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  }

  expect(connections.counts().opened).toBe(1)
})
