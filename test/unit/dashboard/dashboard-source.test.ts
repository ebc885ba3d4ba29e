import { expect, test } from 'vitest'
import { watchPool } from '../../../src/dashboard/watch-pool.js'
import { DashboardSource } from '../../../src/dashboard/dashboard-source.js'
import { snapshotOf } from '../../../src/inspect/snapshot.js'
import { blockedSnapshot, DashboardWorld } from '../../support/dashboard-world.js'
import { fakeWorld } from '../../support/fake-world.js'
import { held, key, serverSession, serverState } from '../../support/server-state.js'

test('outside the programs: locks, sessions, chains and findings of the server', async () => {
  const state = await new DashboardWorld().state()

  expect(state).toMatchObject({ version: 1, title: 'app', process: null, unavailable: null })
  expect(state.locks).toMatchObject([
    { id: 'advisory 7', holders: [{ pid: 1, isHere: false }], waiters: [{ pid: 2, atLeastMs: 8000 }] },
  ])
  expect(state.sessions['1']).toMatchObject({
    application: 'app 1',
    startedAt: '2026-01-01 00:00:00+00',
    isHere: false,
  })
  expect(state.chains).toMatchObject([
    { pid: 1, wait: null, blocked: [{ pid: 2, wait: { lock: 'advisory 7' }, leftOut: 0 }] },
  ])
  expect(state.health[0]).toMatchObject({
    severity: 'problem',
    code: 'blocked',
    pids: [1],
    lock: state.locks[0]!.id,
  })
  expect(state.health.at(-1)).toMatchObject({ severity: 'ok', lock: null })
  expect(state.history).toMatchObject({ of: 'server', held: [1], waiting: [1], connections: [3] })
})

test('many requests at once ask the server once, and again when the answer is old', async () => {
  const world = new DashboardWorld()
  await Promise.all([world.state(), world.state(), world.state()])
  await world.state()
  expect(world.looks).toBe(1)
  world.clock.advance(1000)
  await world.state()
  expect(world.looks).toBe(2)
})

test('an unreachable server is reported in a sentence, and asked again', async () => {
  let answer: () => Promise<ReturnType<typeof snapshotOf>> = () => Promise.reject(new Error('no route'))
  const world = new DashboardWorld({}, { look: () => answer() })
  const blind = await world.state()
  expect(blind).toMatchObject({ server: null, unavailable: 'no route', locks: [] })
  expect(blind.health).toMatchObject([{ severity: 'warning', code: 'blind' }])
  expect(blind.history.held).toEqual([null])
  answer = () => Promise.resolve(snapshotOf(serverState()))
  world.clock.advance(1000)
  expect(await world.state()).toMatchObject({ unavailable: null, server: { database: 'app' } })
})

test('a failed inspection, or one for another request, does not end the recorded locks', async () => {
  let isDown = false
  let locks = [held(key(1), 1)]
  const world = new DashboardWorld(
    {},
    {
      look: () =>
        isDown
          ? Promise.reject(new Error('no route'))
          : Promise.resolve(snapshotOf(serverState({ sessions: [serverSession(1)], locks }))),
    },
  )
  const agesOf = async (id: string) => {
    const { locks: seen } = await world.state()
    return seen.find((lock) => lock.id === id)?.holders.map(({ atMostMs }) => atMostMs)
  }
  await world.state()
  locks = [...locks, held(key(2), 1)]
  world.clock.advance(1000)
  expect(await agesOf('advisory 2'), 'since the look before').toEqual([1000])
  isDown = true
  world.clock.advance(1000)
  await world.state()
  isDown = false
  world.clock.advance(1000)
  expect(await agesOf('advisory 2')).toEqual([3000])
  const { history } = await world.state()
  expect(
    history.holds.p50.filter((ms) => ms !== null),
    'nothing was released',
  ).toEqual([])

  world.clock.advance(850)
  await world.state()
  locks = [...locks, held(key(3), 1)]
  world.clock.advance(150)
  expect(await agesOf('advisory 3'), 'since somebody really looked').toEqual([1000])
})

test('of two sessions that were shown, both can be ended, one after the other', async () => {
  const world = new DashboardWorld()
  const { sessions } = await world.state()
  const victims = [1, 2].map((pid) => ({ pid, startedAt: sessions[pid]!.startedAt! }))
  const source = new DashboardSource({
    ...{ clock: world.clock, title: '', pool: null },
    look: () => Promise.resolve(blockedSnapshot()),
    end: () => Promise.resolve('gone' as const),
  })
  await source.state()
  expect([await source.end(victims[0]!), await source.end(victims[1]!)]).toEqual(['gone', 'gone'])
  expect(await source.end({ pid: 77, startedAt: victims[0]!.startedAt })).toBe('none')
})

test('inside a locking process: exact ages, tokens, each waiting caller, and locks of others', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 4 })
  const lock = await locks.acquire('orders')
  const waiting = locks.acquire('orders')
  const permit = await locks.semaphore('pdf', 3).acquire()
  await world.clock.run(1500)
  const { serverId } = locks.snapshot().sessions[0]!
  const named = key(1)
  const server = snapshotOf(
    serverState({
      sessions: [serverSession(serverId, { isLockSession: true }), serverSession(99)],
      locks: [held(named, serverId), held(key(2), 99)],
      names: {
        nameOf: ({ id }) => (id === '1' ? { name: 'orders', namespace: '' } : null),
        semaphoreOf: () => null,
      },
    }),
  )
  const { clock } = world
  const source = new DashboardSource({
    ...{ clock, title: '', pool: locks, end: null },
    look: () => Promise.resolve(server),
  })

  const state = await source.state()

  const token = String(lock.token)
  const exact = { atLeastMs: 1500, atMostMs: 1500 }
  expect(state.locks).toMatchObject([
    {
      id: 'advisory 1',
      title: 'orders',
      holders: [{ pid: serverId, token, isHere: true, ...exact }],
      waiters: [{ isHere: true, isOutside: true, ...exact }],
    },
    { id: 'advisory 2', holders: [{ pid: 99, isHere: false, token: null }] },
    { id: 'semaphore here pdf', permits: 3, holders: [{ permit: permit.number, isHere: true, ...exact }] },
  ])
  expect(state.locks).toHaveLength(3)
  expect(state.sessions[serverId]).toMatchObject({ isHere: true })
  expect(state.process).toMatchObject({ held: 2, waiting: 1, connections: { max: 4 } })
  expect(state.health.map(({ text }) => text).join('\n')).toMatch(
    /This process holds 2 locks on one connection/,
  )
  await lock.release()
  await (await waiting).release()
  await permit.release()
})

test('the same name in another namespace stays a separate lock', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const lock = await locks.acquire('orders')
  const server = snapshotOf(
    serverState({
      sessions: [serverSession(99)],
      locks: [held(key(1), 99)],
      names: { nameOf: () => ({ name: 'orders', namespace: 'other' }), semaphoreOf: () => null },
    }),
  )
  const source = new DashboardSource({
    ...{ clock: world.clock, title: '', pool: locks, end: null },
    look: () => Promise.resolve(server),
  })

  const state = await source.state()

  expect(state.locks).toMatchObject([
    { id: 'advisory 1', namespace: 'other', holders: [{ pid: 99, isHere: false }] },
    { id: 'advisory here orders', holders: [{ isHere: true }] },
  ])
  await lock.release()
})

test('the events of the pool are recorded until it is stopped, whether they are read or not', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const source = new DashboardSource({
    ...{ clock: world.clock, title: '', pool: locks, end: null, look: null },
  })
  const stop = watchPool(locks, source.history)
  const lock = await locks.acquire('a')
  await world.clock.run(250)
  await lock.release()
  const { history } = await source.state()
  expect(history).toMatchObject({ of: 'process', holds: { p50: [250] } })
  expect(history.waits.p50).toEqual([expect.any(Number)])

  await world.clock.run(5000)
  stop()
  const unseen = await locks.acquire('a')
  await world.clock.run(250)
  await unseen.release()
  const { waits, holds } = source.history.json('process', 1)
  expect([waits.p50.at(-1), holds.p50.at(-1)]).toEqual([null, null])
})
