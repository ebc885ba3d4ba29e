/** Clients of the program that do not behave like clients of `pg`: no call takes a lock for granted without proof. */
import { describe, expect, test } from 'vitest'
import { guard } from '../../../../../src/dialect/postgres/fencing/guard.js'
import { lockIn, tryLockIn } from '../../../../../src/dialect/postgres/transaction/lock-in-without-pool.js'
import { rejection } from '../../../../support/fake-world.js'

type Client = Parameters<typeof lockIn>[0]

const answering = (answer: unknown, status?: string): Client =>
  ({
    query: () => Promise.resolve(answer),
    ...(status === undefined ? {} : { getTransactionStatus: () => status }),
  }) as unknown as Client

const lockWith = (client: Client) => lockIn(client, 'orders', { namespace: '' })
const tryWith = (client: Client) => tryLockIn(client, 'orders', { namespace: '' })
const guardWith = (client: Client) =>
  guard(client as never, { resource: 'orders', token: 5n, mode: 'exclusive' })

test('a client that ran nothing has locked nothing', async () => {
  expect(await rejection(lockWith(answering({ rows: [] })))).toMatchObject({
    code: 'INVALID_OPTION',
    message: expect.stringMatching(/not run the statement.*"orders" is not locked/),
  })
  expect(await tryWith(answering({ rows: [] }))).toBe(false)
  await lockWith(answering({ rows: [{ locked: null }] }))
  expect(await tryWith(answering({ rows: [{ locked: null }] }))).toBe(true)
})

describe.each([
  ['lockIn', lockWith],
  ['tryLockIn', tryWith],
  ['guard', guardWith],
])('%s', (_, call: (client: Client) => Promise<unknown>) => {
  test.each([undefined, null, 5, [], [[{}]], {}, { rows: null }, { rows: 5 }, { rows: { length: 1 } }])(
    'refuses an answer that has no rows: %j',
    async (answer) => {
      expect(await rejection(call(answering(answer)))).toMatchObject({
        code: 'INVALID_OPTION',
        message: expect.stringMatching(/"client" must answer like a client of pg/),
      })
    },
  )

  test.each([null, undefined, 5, {}, { query: 'SELECT 1' }])('refuses %j as a client', async (client) => {
    expect(await rejection(call(client as unknown as Client))).toMatchObject({ code: 'INVALID_OPTION' })
  })

  test('refuses a pool, and a client without a transaction', async () => {
    const pool = { ...answering({ rows: [{}] }), totalCount: 1, idleCount: 1 }
    expect(await rejection(call(pool as Client))).toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringMatching(/is a pool/),
    })
    expect(await rejection(call(answering({ rows: [{}] }, 'I')))).toMatchObject({
      code: 'TRANSACTION_FAILED',
      message: expect.stringMatching(/needs an open transaction/),
    })
    await call(answering({ rows: [{}] }, 'T'))
  })

  test('passes on an error of the client as it is', async () => {
    const failure = new Error('mine')
    const client = {
      query: () => {
        throw failure
      },
    } as unknown as Client
    expect(await rejection(call(client))).toBe(failure)
  })
})
