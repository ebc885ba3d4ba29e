import { AsyncResource } from 'node:async_hooks'
import { expect, test } from 'vitest'
import type { LockPool } from '../../src/postgres-lock-pool.js'
import { rejection, stateOf } from '../support/fake-world.js'
import { lockWorld } from '../support/lock-world.js'

/** Callers that would wait for themselves, with nested locks of sessions and transactions. */
const world = lockWorld()

/** Requests the key inside a body that holds it, in every way. */
const ASKS: readonly (readonly [
  string,
  (locks: LockPool, mode: 'exclusive' | 'shared') => Promise<unknown>,
])[] = [
  ['tx.lock', (locks, mode) => locks.transaction((tx) => tx.lock('k', { mode }))],
  [
    'tx.lock without waiting',
    (locks, mode) => locks.transaction((tx) => tx.lock('k', { mode, timeoutMs: 0 })),
  ],
  ['withLock', (locks, mode) => locks.withLock('k', { mode }, () => undefined)],
  ['acquire', (locks, mode) => locks.acquire('k', { mode }).then((lock) => lock.release())],
  [
    'acquireAll',
    (locks, mode) => locks.acquireAll(['j', 'k', 'l'], { mode }).then((group) => group.release()),
  ],
]

/** Holds the key while the body runs, in every way. */
const HAVE: readonly (readonly [
  string,
  (locks: LockPool, mode: 'exclusive' | 'shared', body: () => Promise<unknown>) => Promise<unknown>,
])[] = [
  ['withLock', (locks, mode, body) => locks.withLock('k', { mode }, body)],
  [
    'a transaction',
    (locks, mode, body) =>
      locks.transaction(async (tx) => {
        await tx.lock('k', { mode })
        await body()
      }),
  ],
  [
    'a transaction that has tried',
    (locks, mode, body) =>
      locks.transaction(async (tx) => {
        expect(await tx.tryLock('k', { mode })).toBe(true)
        await body()
      }),
  ],
]

const IN_EACH_OTHER = HAVE.flatMap(([has, have]) =>
  ASKS.map(([asks, ask]) => [asks, has, ask, have] as const),
)

test.each(IN_EACH_OTHER)(
  '%s inside %s that has the key is refused at once',
  async (_asks, _has, ask, have) => {
    const locks = world.pool({ acquireTimeoutMs: Infinity, max: 4 })

    for (const [outer, inner] of [
      ['exclusive', 'exclusive'],
      ['exclusive', 'shared'],
      ['shared', 'exclusive'],
    ] as const) {
      let refused: unknown = null
      await have(locks, outer, async () => {
        refused = await rejection(ask(locks, inner))
      })
      expect(refused, `${inner} in ${outer}`).toMatchObject({ code: 'LOCK_REENTRY', key: 'lock "k"' })
    }

    await have(locks, 'shared', () => ask(locks, 'shared'))
    await ask(locks, 'exclusive')
  },
)

test.each(HAVE)('readers inside %s that reads are refused when a writer waits for it', async (_, have) => {
  const [locks, others] = [world.pool({ acquireTimeoutMs: Infinity, max: 4 }), world.pool()]

  let writing!: Promise<unknown>
  await have(locks, 'shared', async () => {
    writing = others.transaction((tx) => tx.lock('k'))
    await world.waitsInServer()
    expect(await rejection(locks.transaction((tx) => tx.lock('k', { mode: 'shared' })))).toMatchObject({
      code: 'LOCK_REENTRY',
    })
  })
  await writing
})

test.each(HAVE)('an attempt inside %s that holds the key is refused', async (_, have) => {
  const locks = world.pool({ max: 4 })

  await have(locks, 'exclusive', async () => {
    expect(await locks.transaction((tx) => tx.tryLock('k'))).toBe(false)
    expect(await locks.tryAcquire('k')).toBeNull()
    expect(await locks.transaction((tx) => tx.tryLock('j'))).toBe(true)
  })
})

test('only callers inside are refused: others wait, and so does a later caller', async () => {
  const locks = world.pool({ max: 4 })
  let otherTransaction!: Promise<unknown>
  let later!: () => Promise<unknown>

  await locks.transaction(async (tx) => {
    await tx.lock('k')
    await tx.lock('k')
    later = AsyncResource.bind(() => locks.withLock('k', () => 'later'))
  })
  const other = world.pool()
  const held = await other.acquire('k')
  const waits = later()
  // This request follows the waiting attempt on the same connection. Its grant shows that the server has answered the attempt.
  await locks.withLock('j', () => undefined)
  expect(await stateOf(waits)).toBe('pending')
  await held.release()
  expect(await waits).toBe('later')

  await locks.withLock('k', async () => {
    otherTransaction = other.transaction((tx) => tx.lock('k'))
    await world.waitsInServer()
  })
  await otherTransaction
})

test('after a rollback to a savepoint the server is asked, and nothing is assumed of another namespace', async () => {
  const locks = world.pool({ max: 4 })
  const elsewhere = world.pool({ namespace: 'elsewhere' })

  await locks.transaction(async (tx) => {
    await tx.query('SAVEPOINT mine')
    await tx.lock('k')
    expect(await rejection(locks.acquire('k'))).toMatchObject({ code: 'LOCK_REENTRY' })
    expect(await elsewhere.withLock('k', () => 'free')).toBe('free')
    await tx.query('ROLLBACK TO SAVEPOINT mine')
    expect(await locks.withLock('k', () => 'free')).toBe('free')
  })
})
