import { expect, test } from 'vitest'
import { LockPool } from '../../src/postgres-lock-pool.js'
import { lockWorld } from '../support/lock-world.js'
import { TcpProxy } from '../support/tcp-proxy.js'

/** Every public call that may wait for a connection or for the server ends when its signal aborts, and in time without one. */

const world = lockWorld()

interface Limits {
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
}

type Call = (locks: LockPool, limits: Limits) => Promise<unknown>

const body = (): undefined => undefined

/** The calls with a signal, and whether they have a `timeoutMs` too. */
const CALLS: Readonly<Record<string, readonly [call: Call, hasTimeout: boolean]>> = {
  ready: [(locks, { signal }) => locks.ready(signal === undefined ? {} : { signal }), false],
  acquire: [(locks, limits) => locks.acquire('a', limits), true],
  tryAcquire: [(locks, { signal }) => locks.tryAcquire('b', signal === undefined ? {} : { signal }), false],
  acquireAll: [(locks, limits) => locks.acquireAll(['c', 'd'], limits), true],
  withLock: [(locks, limits) => locks.withLock('e', limits, body), true],
  'semaphore.acquire': [(locks, limits) => locks.semaphore('f', 2).acquire(limits), true],
  'semaphore.tryAcquire': [
    (locks, { signal }) => locks.semaphore('f', 2).tryAcquire(signal === undefined ? {} : { signal }),
    false,
  ],
  'semaphore.withPermit': [(locks, limits) => locks.semaphore('f', 2).withPermit(limits, body), true],
  leader: [(locks, limits) => locks.leader('g', limits), true],
  'campaign.leader': [(locks, limits) => locks.campaign('h').leader(limits), true],
  inspect: [(locks, limits) => locks.inspect(limits), true],
  inspectAll: [(locks, limits) => locks.inspectAll(limits), true],
  transaction: [(locks, limits) => locks.transaction((tx) => tx.query('SELECT 1'), limits), true],
  'connections.connect': [(locks, limits) => locks.connections.connect(limits), true],
  'connections.use': [(locks, limits) => locks.connections.use(body, limits), true],
}

/** The other methods, and why they need no signal. */
const OTHERS: Readonly<Record<string, string>> = {
  constructor: 'opens nothing',
  semaphore: 'see its methods',
  campaign: 'see its methods',
  snapshot: 'asks no server',
  on: 'asks no server',
  off: 'asks no server',
  lockStatement: 'asks no server',
  close: 'always settles, after "graceMs"',
  convert: 'internal',
  lockIn: 'a statement on a connection of the caller, who may end it; "timeoutMs" limits the wait',
  tryLockIn: 'the same, without a wait',
  namesInUse: 'internal',
  reports: 'internal',
  runInTransaction: 'internal',
  isHeldAround: 'internal',
}

const NAMES = Object.keys(CALLS)

/** Resolves with what the call was rejected with, or `still waiting`. */
async function outcome(call: Promise<unknown>, limitMs: number): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((resolve) => (timer = setTimeout(resolve, limitMs, 'still waiting')))
  const settled = call.then(
    () => 'fulfilled',
    (error: unknown) => error,
  )
  return Promise.race([settled, late]).finally(() => clearTimeout(timer))
}

test('the table has every method', () => {
  const named = (type: object): string[] =>
    Object.entries(Object.getOwnPropertyDescriptors(type))
      .filter(([, { value }]) => typeof value === 'function')
      .map(([name]) => name)
  const known = new Set([...NAMES.map((name) => name.split('.')[0]!), ...Object.keys(OTHERS)])
  const methods = [LockPool.prototype, Object.getPrototypeOf(LockPool.prototype) as object].flatMap(named)
  expect(methods.filter((name) => !known.has(name))).toEqual([])
})

test.each(NAMES)('%s ends at once when its signal aborts while no connection is free', async (name) => {
  const locks = world.pool({ max: 2, acquireTimeoutMs: 60_000 })
  const taken = await Promise.all([
    locks.connections.connect(),
    locks.connections.connect({ reserved: true }),
  ])
  const controller = new AbortController()
  const reason = new Error('enough')
  const call = CALLS[name]![0](locks, { signal: controller.signal })
  setTimeout(() => controller.abort(reason), 50)

  // Nothing has to be waited for if the pool is ready.
  expect(await outcome(call, 5000)).toSatisfy(
    (result) => result === reason || (name === 'ready' && result === 'fulfilled'),
  )
  for (const connection of taken) connection.release()
})

test.each(NAMES.filter((name) => CALLS[name]![1]))(
  '%s ends with a code after "timeoutMs" while no connection is free',
  async (name) => {
    const locks = world.pool({ max: 2, acquireTimeoutMs: 60_000 })
    const taken = await Promise.all([
      locks.connections.connect(),
      locks.connections.connect({ reserved: true }),
    ])

    expect(await outcome(CALLS[name]![0](locks, { timeoutMs: 50 }), 10_000)).toMatchObject({
      code: expect.stringMatching(/^[A-Z_]+$/),
    })
    for (const connection of taken) connection.release()
  },
)

test.each(NAMES)('%s ends at once when its signal aborts while the server is silent', async (name) => {
  await using proxy = await TcpProxy.to(world.database.url)
  const locks = new LockPool({ connection: proxy.url, max: 3, leaseMs: 2000, connectTimeoutMs: 30_000 })
  if (name !== 'ready') await locks.connections.query('SELECT 1')
  proxy.cut()
  const controller = new AbortController()
  const reason = new Error('enough')
  const call = CALLS[name]![0](locks, { signal: controller.signal })
  setTimeout(() => controller.abort(reason), 50)

  // A connection that is idle may be handed out without a question to the server.
  expect(await outcome(call, 5000)).toSatisfy(
    (result) => result === reason || (name.startsWith('connections.') && result === 'fulfilled'),
  )
  await locks.close({ graceMs: 0 })
})

test.each(['inspect', 'inspectAll', 'leader', 'campaign.leader'])(
  '%s ends with a code while the server is silent, without any limit of the caller',
  async (name) => {
    await using proxy = await TcpProxy.to(world.database.url)
    const locks = new LockPool({ connection: proxy.url, max: 3, leaseMs: 2000, connectTimeoutMs: 2000 })
    await locks.connections.query('SELECT 1')
    const call = CALLS[name]![0](locks, {})
    proxy.cut()

    expect(await outcome(call, 15_000)).toMatchObject({ code: expect.stringMatching(/^[A-Z_]+$/) })
    await locks.close({ graceMs: 0 })
  },
)
