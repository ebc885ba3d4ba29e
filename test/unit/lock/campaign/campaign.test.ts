import { expect, test, vi } from 'vitest'
import type { FakeLockPool } from '../../../../src/fake-lock-pool.js'
import type { Campaign } from '../../../../src/lock/campaign/campaign.js'
import type { Term } from '../../../../src/lock/campaign/term.js'
import { fakeWorld, rejection, stateOf, type FakeWorld } from '../../../support/fake-world.js'

/** Ends the session that leads, as an administrator would. */
function endLeader(world: FakeWorld, locks: FakeLockPool): void {
  const { serverId } = locks.snapshot().sessions.find(({ keys }) => keys > 0)!
  world.server.end(world.server.connection(serverId))
}

function warningsOf(locks: FakeLockPool): { message: string; error?: Error }[] {
  const warnings: { message: string; error?: Error }[] = []
  locks.on('warning', (warning) => warnings.push(warning))
  return warnings
}

const states = (...campaigns: Campaign[]): string[] => campaigns.map(({ state }) => state)

test('of all candidates for a key one leads, and the others wait', async () => {
  const world = fakeWorld()
  const campaigns = ['a', 'b', 'c'].map((name) => world.pool().campaign('scheduler', { name }))
  await world.clock.run(1000)

  expect(states(...campaigns).toSorted()).toEqual(['leading', 'standing', 'standing'])

  const leader = campaigns.find(({ state }) => state === 'leading')!
  for (const campaign of campaigns) {
    expect(await campaign.leader()).toEqual({
      name: leader.name,
      token: leader.term!.token,
      since: expect.any(Date),
    })
  }
})

test('a leader that resigns is followed by another with a greater token, and is no candidate again', async () => {
  const world = fakeWorld()
  const first = world.pool().campaign('scheduler')
  await world.clock.run(100)
  const second = world.pool().campaign('scheduler')
  await world.clock.run(100)
  const term = first.term!

  await first.resign()
  await world.clock.run(2000)

  expect(states(first, second)).toEqual(['ended', 'leading'])
  expect(term.signal.reason).toMatchObject({ name: 'AbortError' })
  expect(first.term).toBe(null)
  expect(second.term!.token).toBeGreaterThan(term.token)
  await expect(term.guard({ query: () => Promise.reject(new Error('not asked')) })).rejects.toMatchObject({
    code: 'STALE_TOKEN',
  })
})

test('a loss ends the term, is reported once, and is followed by another election with a greater token', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const terms: Term[] = []
  const onDeposed = vi.fn()
  const events = vi.fn()
  locks.on('leader:left', events)
  const campaign = locks.campaign('scheduler', {
    name: 'me',
    onElected: (term) => void terms.push(term),
    onDeposed,
  })
  await world.clock.run(100)

  endLeader(world, locks)

  expect(terms[0]!.signal.reason, 'at once').toMatchObject({ code: 'LOCK_LOST' })
  expect(campaign.term).toBe(null)
  await world.clock.run(5000)
  expect(onDeposed.mock.calls).toEqual([[terms[0]!.signal.reason, terms[0]]])
  expect(events.mock.calls).toEqual([
    [expect.objectContaining({ key: 'scheduler', name: 'me', error: terms[0]!.signal.reason })],
  ])
  expect(terms).toHaveLength(2)
  expect(campaign.term).toBe(terms[1])
  expect(terms[1]!.token).toBeGreaterThan(terms[0]!.token)
})

test('a body that checks the term notices a pause of the process', async () => {
  const world = fakeWorld()
  const campaign = world.pool({ leaseMs: 15_000 }).campaign('scheduler')
  await world.clock.run(100)
  const term = campaign.term!

  world.clock.stall(20_000)

  expect(term.signal.aborted).toBe(true)
})

test('while the server is away it retries less and less often, and is elected when it is back', async () => {
  const world = fakeWorld()
  world.server.stop()
  const locks = world.pool()
  const warnings = warningsOf(locks)
  const campaign = locks.campaign('scheduler')
  await world.clock.run(60_000)

  expect(campaign.state).toBe('resting')
  expect(warnings, 'once per outage').toEqual([
    {
      message: expect.stringContaining('retrying'),
      error: expect.objectContaining({ code: 'CONNECTION_FAILED' }),
    },
  ])

  world.server.start()
  await world.clock.run(10_000)

  expect(campaign.state).toBe('leading')
})

test('callbacks that throw are reported, and change nothing', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const warnings = warningsOf(locks)
  const campaign = locks.campaign('scheduler', {
    onElected: () => {
      throw new Error('mine')
    },
    onDeposed: () => Promise.reject(new Error('mine as well')),
  })
  await world.clock.run(100)
  endLeader(world, locks)
  await world.clock.run(5000)

  expect(campaign.state).toBe('leading')
  expect(warnings.map(({ message, error }) => [message, error?.message])).toEqual([
    ['campaign for lock "scheduler": onElected failed', 'mine'],
    ['campaign for lock "scheduler": onDeposed failed', 'mine as well'],
    ['campaign for lock "scheduler": onElected failed', 'mine'],
  ])
})

test('when the body is done, run ends the campaign, and another process leads', async () => {
  const world = fakeWorld()
  const first = world.pool().campaign('migration')
  const bodies: bigint[] = []
  const ran = first.run((term) => void bodies.push(term.token))
  const second = world.pool().campaign('migration')
  await world.clock.run(1000)

  await ran

  expect(bodies).toHaveLength(1)
  expect(states(first, second)).toEqual(['ended', 'leading'])
})

test('run rejects with what the body throws, and leadership is given up', async () => {
  const world = fakeWorld()
  const campaign = world.pool().campaign('scheduler')
  const failed = rejection(campaign.run(() => Promise.reject(new Error('mine'))))
  await world.clock.run(100)

  expect((await failed).message).toBe('mine')
  expect(campaign.state).toBe('ended')
  expect(world.server.table.size).toBe(0)
})

test('run starts the body again in the next term, whatever the body of a lost one throws', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const warnings = warningsOf(locks)
  const tokens: bigint[] = []
  const ran = locks.campaign('scheduler').run(
    (term) =>
      new Promise((_, reject) => {
        tokens.push(term.token)
        term.signal.addEventListener('abort', () => reject(term.signal.reason as Error))
      }),
  )
  await world.clock.run(100)
  endLeader(world, locks)
  await world.clock.run(5000)

  expect(await stateOf(ran)).toBe('pending')
  expect(tokens).toHaveLength(2)
  expect(warnings).toEqual([])

  await locks.close()
  expect(await stateOf(ran)).toBe('fulfilled')
})

test('a body that asks for its own key gets an error', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const failed = rejection(
    locks.campaign('scheduler').run(async () => void (await locks.acquire('scheduler'))),
  )
  await world.clock.run(100)

  expect((await failed)['code']).toBe('LOCK_REENTRY')
})

test('a campaign that begins inside a body with the key waits for it, because it outlives the body', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const campaign = await locks.withLock('scheduler', () => locks.campaign('scheduler'))
  await world.clock.run(100)

  expect(campaign.state).toBe('leading')
})

test('without tokens elections work, and only names are unavailable', async () => {
  const world = fakeWorld()
  const locks = world.pool({ fencing: 'off' })
  const warnings = warningsOf(locks)
  const campaign = locks.campaign('scheduler', { name: 'me' })
  await world.clock.run(100)

  expect(campaign.state).toBe('leading')
  expect(campaign.term!.tokenText).toBe(null)
  expect(await campaign.leader()).toEqual({ name: null, token: null, since: null })
  expect(warnings).toEqual([{ message: expect.stringContaining('no fencing tokens') }])
})

test('with a single connection the leader keeps it for the lock, and has no recorded name', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 1 })
  const warnings = warningsOf(locks)
  const campaign = locks.campaign('scheduler')
  await world.clock.run(5000)

  expect(campaign.state).toBe('leading')
  expect(warnings).toEqual([{ message: expect.stringContaining('"max" is 1') }])
})

test('there is no leader when all candidates have gone', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const campaign = locks.campaign('scheduler')
  await world.clock.run(100)

  await campaign.resign()

  expect(await campaign.leader()).toBe(null)
})

test('bad options are refused, all at once', async () => {
  const locks = fakeWorld().pool()
  const bad = { name: '', signal: 1, onElected: 'x', when: 2 } as never

  expect(() => locks.campaign('x', bad)).toThrow(
    expect.objectContaining({ problems: expect.objectContaining({ length: 4 }) }),
  )
  expect(() => locks.campaign(Number.NaN as never)).toThrow(expect.objectContaining({ code: 'INVALID_KEY' }))
  const campaign = locks.campaign('x')
  expect(await rejection(campaign.stepDown({ pauseMs: -1, graceMs: 0.5 }))).toMatchObject({
    code: 'INVALID_OPTION',
    problems: { length: 2 },
  })
  expect(await rejection(campaign.run(1 as never))).toMatchObject({ code: 'INVALID_OPTION' })
})
