import { expect, test } from 'vitest'
import { lockWorld } from '../support/lock-world.js'
import { WirePooler } from '../support/wire-pooler.js'

/** `client_connection_check_interval` makes the server notice that its client is gone. outliving.test.ts shows the purpose. */
const world = lockWorld()

const INTERVAL = `SELECT current_setting('client_connection_check_interval') AS every`

test('the server checks for its client on every connection, whatever the last borrower has set', async () => {
  const locks = world.pool({ max: 1 })
  const cleaned: unknown[] = []
  locks.connections.on('connection:cleaned', ({ found }) => cleaned.push(...found))

  expect((await locks.connections.query(INTERVAL)).rows).toEqual([{ every: '1s' }])
  for (const change of ['SET client_connection_check_interval = 0', `SET work_mem = '8MB'`]) {
    await locks.connections.query(change)
    expect((await locks.connections.query(INTERVAL)).rows).toEqual([{ every: '1s' }])
  }
  await locks.transaction(async (tx) => {
    expect((await tx.query(INTERVAL)).rows).toEqual([{ every: '1s' }])
  })
  // This turns the only connection into a lock session for a while.
  await (await locks.acquire('orders')).release()
  expect((await locks.connections.query(INTERVAL)).rows).toEqual([{ every: '1s' }])

  expect(cleaned).toEqual([
    'changed settings: client_connection_check_interval',
    'changed settings: work_mem',
  ])
})

test('a process that polls more often keeps that interval', async () => {
  const options = '-c client_connection_check_interval=250'
  const locks = world.pool({ connection: { connectionString: world.database.url, options } })

  expect((await locks.connections.query(INTERVAL)).rows).toEqual([{ every: '250ms' }])
})

test('behind a pooler it is set for one transaction only', async () => {
  await using pooler = await WirePooler.to(world.database.url)
  const locks = world.pool({ connection: pooler.url, max: 1 })

  expect((await locks.connections.query(INTERVAL)).rows).toEqual([{ every: '0' }])
  await locks.transaction(async (tx) => {
    expect((await tx.query(INTERVAL)).rows).toEqual([{ every: '1s' }])
  })
  expect((await locks.connections.query(INTERVAL)).rows).toEqual([{ every: '0' }])
})
