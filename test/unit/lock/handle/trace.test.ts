import { tracingChannel } from 'node:diagnostics_channel'
import { afterEach, expect, test } from 'vitest'
import { LockLostError, LockTimeoutError } from '../../../../src/base/errors.js'
import { fakeWorld } from '../../../support/fake-world.js'

const PHASES = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const

const subscriptions: (() => void)[] = []

afterEach(() => {
  for (const end of subscriptions.splice(0)) end()
})

/** All messages on a channel, in their order: the phase, and the context. */
function published(name: string): [phase: string, about: Record<string, unknown>][] {
  const heard: [string, Record<string, unknown>][] = []
  const channel = tracingChannel(name)
  for (const phase of PHASES) {
    const hear = (about: unknown): void => void heard.push([phase, { ...(about as object) }])
    channel[phase].subscribe(hear)
    subscriptions.push(() => channel[phase].unsubscribe(hear))
  }
  return heard
}

test('a subscriber to acquires gets each of them, and its end', async () => {
  const world = fakeWorld()
  const [locks, others] = [world.pool(), world.pool()]
  const held = await others.acquire('busy')
  const heard = published('lockpool:acquire')

  const lock = await locks.acquire('free', { mode: 'shared' })
  expect(await locks.tryAcquire('busy')).toBeNull()
  await expect(locks.acquire('busy', { timeoutMs: 0 })).rejects.toThrow(LockTimeoutError)
  const group = await locks.acquireAll(['a', 5n])
  await Promise.all([lock.release(), group.release(), held.release()])

  const ends = heard.filter(([phase]) => phase === 'asyncEnd').map(([, about]) => about)
  expect(ends).toMatchObject([
    { keys: ['free'], mode: 'shared', result: lock },
    { keys: ['busy'], mode: 'exclusive', result: null },
    { keys: ['busy'], error: expect.any(LockTimeoutError) },
    { keys: ['a', '5'], result: group },
  ])
  expect(heard.filter(([phase]) => phase === 'start')).toHaveLength(4)
  expect(heard.filter(([phase]) => phase === 'error')).toHaveLength(1)
})

test('a subscriber to holds gets the grant, and the release or the loss', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const before = await locks.acquire('before anybody listens')
  const heard = published('lockpool:hold')

  const [released, lost] = [await locks.acquire('a'), await locks.acquire('b')]
  await world.clock.run(30)
  await released.release()
  await before.release()
  for (const connection of [...world.server.connections]) world.server.end(connection)
  await world.clock.run(1)
  expect(lost.state).toBe('lost')

  expect(heard.map(([phase, { key }]) => `${key as string} ${phase}`)).toEqual([
    ...['a start', 'a end', 'b start', 'b end'],
    ...['a asyncStart', 'a asyncEnd', 'b error', 'b asyncStart', 'b asyncEnd'],
  ])
  const of = (name: string): Record<string, unknown> | undefined =>
    heard.find(([phase, { key }]) => phase === 'asyncEnd' && key === name)?.[1]
  expect(of('a')).toMatchObject({ heldMs: 30, token: released.tokenText })
  expect(of('b')).toMatchObject({ error: expect.any(LockLostError) })
})
