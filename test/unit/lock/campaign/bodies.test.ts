/** The bodies that campaigns run: which bodies are accepted, when they begin, and which of their failures are reported. */
import { expect, test } from 'vitest'
import type { Term } from '../../../../src/lock/campaign/term.js'
import { fakeWorld, rejection } from '../../../support/fake-world.js'

test('only a function is run, and only one', async () => {
  const world = fakeWorld()
  const campaign = world.pool().campaign('scheduler')
  expect(await rejection(campaign.run('work' as never))).toMatchObject({
    problems: ['the body must be a function, got "work"'],
  })
  const running = campaign.run(() => new Promise(() => undefined))
  expect(await rejection(campaign.run(() => Promise.resolve()))).toMatchObject({
    problems: ['a campaign runs one body, and already has one'],
  })

  const ending = campaign.resign({ graceMs: 0 })
  await world.clock.run(100)
  await Promise.all([ending, running])
})

test('a body for a leader begins at once, in the current term', async () => {
  const world = fakeWorld()
  const campaign = world.pool().campaign('scheduler')
  await world.clock.run(100)
  const terms: Term[] = []
  const { term } = campaign
  await campaign.run(async (given) => void terms.push(given))

  expect(terms).toEqual([term])
  expect(campaign.state).toBe('ended')
})

test('a campaign ends with its block, and says so', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const told: unknown[] = []
  locks.on('leader:elected', (event) => told.push(event))
  const campaign = locks.campaign('scheduler', { name: 'me' })
  await world.clock.run(100)
  const { token } = campaign.term!
  expect(told).toEqual([{ key: 'scheduler', name: 'me', token: String(token) }])

  await campaign[Symbol.asyncDispose]()
  expect(campaign.state).toBe('ended')
  await campaign.resign()
})

test('a body that fails after its term is reported, unless its error only says that the term has ended', async () => {
  const outcomes: string[][] = []
  for (const failure of [
    (term: Term): unknown => term.signal.reason,
    (): unknown => new Error('late'),
    (): unknown => 'words',
  ]) {
    const world = fakeWorld()
    const locks = world.pool()
    const warnings: string[] = []
    locks.on('warning', ({ message, error }) => warnings.push(`${message}: ${error?.message}`))
    const campaign = locks.campaign('scheduler')
    const running = campaign.run(
      (term) =>
        new Promise((_, reject) => {
          // oxlint-disable-next-line prefer-promise-reject-errors
          term.signal.addEventListener('abort', () => reject(failure(term)))
        }),
    )
    await world.clock.run(100)
    await campaign.resign()
    await running
    outcomes.push(warnings)
  }

  const reported = 'campaign for lock "scheduler": the body failed after its term'
  expect(outcomes).toEqual([[], [`${reported}: late`], [`${reported}: words`]])
})

test('the loss that ended a term is not reported again', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const warnings: string[] = []
  locks.on('warning', ({ message }) => warnings.push(message))
  const campaign = locks.campaign('scheduler')
  const running = campaign.run(async (term) => {
    await new Promise((resolve) => term.signal.addEventListener('abort', resolve))
    // A guard throws such an error: it knows the lock, but not the term.
    throw Object.assign(Object.create(term.signal.reason as object) as Error, {
      message: 'lost, says a guard',
    })
  })
  await world.clock.run(100)
  const { serverId } = locks.snapshot().sessions.find(({ keys }) => keys > 0)!
  world.server.end(world.server.connection(serverId))
  await world.clock.run(100)

  expect(warnings.filter((message) => message.includes('after its term'))).toEqual([])
  await campaign.resign({ graceMs: 0 })
  await running
})
