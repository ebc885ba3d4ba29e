import { expect, test, vi } from 'vitest'
import type { Campaign } from '../../../../src/lock/campaign/campaign.js'
import { fakeWorld, stateOf } from '../../../support/fake-world.js'

const states = (...campaigns: Campaign[]): string[] => campaigns.map(({ state }) => state)

test('a leader that steps down yields to another, and is a candidate again', async () => {
  const world = fakeWorld()
  const first = world.pool().campaign('scheduler')
  await world.clock.run(100)
  const second = world.pool().campaign('scheduler')
  await world.clock.run(100)

  await first.stepDown()
  await world.clock.run(500)
  expect(states(first, second)).toEqual(['resting', 'leading'])
  await world.clock.run(1000)
  expect(states(first, second)).toEqual(['standing', 'leading'])

  await second.stepDown({ pauseMs: 0 })
  await world.clock.run(2000)
  expect(states(first, second)).toEqual(['leading', 'standing'])
})

test('the key is not released before the work of the term has stopped', async () => {
  const world = fakeWorld()
  let stop = (): void => undefined
  const onElected = (): Promise<void> => new Promise((resolve) => (stop = resolve))
  const first = world.pool().campaign('scheduler', { onElected })
  await world.clock.run(100)
  const second = world.pool().campaign('scheduler')
  await world.clock.run(100)

  const resigned = first.resign({ graceMs: 3000 })
  await world.clock.run(2500)
  expect(states(first, second)).toEqual(['leaving', 'standing'])

  stop()
  await world.clock.run(0)
  await resigned
  expect(states(first, second)).toEqual(['ended', 'leading'])
})

test('it waits for the work of the term no longer than the grace period', async () => {
  const world = fakeWorld()
  const onElected = (): Promise<void> => new Promise(() => undefined)
  const campaign = world.pool().campaign('scheduler', { onElected })
  await world.clock.run(100)

  const resigned = campaign.resign({ graceMs: 3000 })
  await world.clock.run(2999)
  expect(await stateOf(resigned)).toBe('pending')
  await world.clock.run(1)

  expect(await stateOf(resigned)).toBe('fulfilled')
  expect(world.server.table.size).toBe(0)
})

test('after a loss it is no candidate while work of the lost term is running', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const stops: (() => void)[] = []
  const campaign = locks.campaign('scheduler', {
    onElected: () => new Promise((resolve) => void stops.push(resolve)),
  })
  await world.clock.run(100)

  world.server.end(world.server.connection(locks.snapshot().sessions[0]!.serverId))
  await world.clock.run(30_000)
  expect([campaign.state, stops.length]).toEqual(['leaving', 1])

  stops[0]!()
  await world.clock.run(100)
  expect([campaign.state, stops.length]).toEqual(['leading', 2])
})

test('its signal ends a campaign, before, during and after the wait', async () => {
  const world = fakeWorld()
  const aborted = world.pool().campaign('scheduler', { signal: AbortSignal.abort() })
  const abort = new AbortController()
  const [leads, stands] = [1, 2].map(() => world.pool().campaign('scheduler', { signal: abort.signal }))
  await world.clock.run(100)
  expect(aborted.state).toBe('ended')
  const { term } = leads!

  abort.abort('enough')
  await world.clock.run(100)

  expect(states(leads!, stands!)).toEqual(['ended', 'ended'])
  expect(term!.signal.reason).toBe('enough')
  expect(world.server.table.size).toBe(0)
})

test('close hands over as soon as the work has stopped', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  let stopped = 0
  const first = locks.campaign('scheduler', {
    onElected: (term) =>
      new Promise((resolve) =>
        term.signal.addEventListener('abort', () => {
          stopped++
          resolve()
        }),
      ),
  })
  await world.clock.run(100)
  const second = world.pool().campaign('scheduler')
  await world.clock.run(100)
  const { term } = first

  const closed = locks.close()
  await world.clock.run(0)

  expect(stopped).toBe(1)
  expect(term!.signal.reason).toMatchObject({ code: 'POOL_CLOSED' })
  expect(states(first, second)).toEqual(['ended', 'leading'])
  await world.clock.run(100)
  expect(await stateOf(closed)).toBe('fulfilled')
  expect(() => locks.campaign('scheduler')).toThrow(expect.objectContaining({ code: 'POOL_CLOSED' }))
})

test('close ends a term whose work does not stop: it is lost, and the work is informed', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const onDeposed = vi.fn()
  const campaign = locks.campaign('scheduler', { onElected: () => new Promise(() => undefined), onDeposed })
  await world.clock.run(100)

  const closed = locks.close({ graceMs: 1000 })
  await world.clock.run(1000)

  expect(await stateOf(closed)).toBe('fulfilled')
  await campaign.ended
  expect(onDeposed).toHaveBeenCalledTimes(1)
})

test('a candidate that is stopped at the moment of the election never leads', async () => {
  const world = fakeWorld()
  const abort = new AbortController()
  const onElected = vi.fn()
  const locks = world.pool()
  locks.on('lock:acquired', () => abort.abort())
  const campaign = locks.campaign('scheduler', { signal: abort.signal, onElected })

  await world.clock.run(1000)

  expect(campaign.state).toBe('ended')
  expect(onElected).not.toHaveBeenCalled()
  expect(world.server.table.size).toBe(0)
})

test('the pause after stepping down is for that time only', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const campaign = locks.campaign('scheduler')
  await world.clock.run(100)
  await campaign.stepDown({ pauseMs: 60_000 })
  await world.clock.run(61_000)
  expect(campaign.state).toBe('leading')

  world.server.end(world.server.connection(locks.snapshot().sessions[0]!.serverId))
  await world.clock.run(1000)

  expect(campaign.state).toBe('leading')
})

test('the recorded name of a leader does not count for the next', async () => {
  const world = fakeWorld()
  const first = world.pool().campaign('scheduler', { name: 'first' })
  await world.clock.run(100)
  const nameless = world.pool({ fencing: 'off' }).campaign('scheduler')
  await first.resign()
  await world.clock.run(2000)

  expect(nameless.state).toBe('leading')
  expect(await first.leader()).toEqual({ name: null, token: null, since: null })
})
