import { expect, test } from 'vitest'
import { Generations } from '../../../../../src/dialect/postgres/table/generation.js'
import type { StatementRunner } from '../../../../../src/dialect/postgres/table/statement-runner.js'
import { ManualClock, settle } from '../../../../../src/testing/manual-clock.js'

interface World {
  readonly clock: ManualClock
  /** What the server says at the next look. */
  readonly server: Record<'old' | 'rows' | 'changes' | 'updates' | 'floor' | 'generation', number>
  readonly looks: () => number
  readonly moves: readonly string[]
  /** Sends operations after a pause. */
  readonly use: (operations: number, pauseMs: number) => Promise<void>
}

function world(): World {
  const clock = new ManualClock()
  const server = { old: 0, rows: 10, changes: 70, updates: 900, floor: 1, generation: 3 }
  const moves: string[] = []
  let looks = 0
  const runner = {
    rows: () => {
      looks++
      return Promise.resolve([
        Object.fromEntries(Object.entries(server).map(([name, value]) => [name, String(value)])),
      ])
    },
    on: (use: (connection: unknown) => unknown) =>
      use({ query: (text: string) => Promise.resolve(moves.push(text)) }),
  } as unknown as StatementRunner
  const generations = new Generations(runner, clock)
  const use = (operations: number, pauseMs: number): Promise<void> => {
    clock.advance(pauseMs)
    generations.used(operations, 7)
    return settle()
  }
  return { clock, server, looks: () => looks, moves, use }
}

test('it looks after 1,000 operations, and at most once a second', async () => {
  const { looks, use } = world()
  await use(999, 5000)
  expect(looks()).toBe(0)
  await use(1, 0)
  expect(looks()).toBe(1)
  await use(5000, 999)
  expect(looks()).toBe(1)
  await use(0, 1)
  expect(looks()).toBe(2)
})

test('rows move when more than 2,000 old versions and two for each row have come', async () => {
  const { server, moves, use } = world()
  server.old = 500
  await use(1000, 1000)
  server.old = 500 + 2019
  await use(1000, 1000)
  expect(moves).toEqual([])
  server.old = 500 + 2020
  await use(1000, 1000)
  expect(moves).toHaveLength(1)
  expect(moves[0]).toMatch(/member\.id \S+ 7::bigint/)
  expect(moves[0]).toMatch(/floor\.generation \S+ 3::bigint/)
})

test.each([
  ['new and removed rows do not count', 'changes', 1],
  ['if the server removes most old versions itself, rows stay', 'updates', 10],
] as const)('%s', async (_what, counter, times) => {
  const { server, moves, use } = world()
  await use(1000, 1000)
  server.old = 5000
  const enough = (5000 - (counter === 'changes' ? 2020 : 0)) * times
  server[counter] += enough + 1
  await use(1000, 1000)
  expect(moves).toEqual([])
  server[counter]--
  await use(1000, 1000)
  expect(moves).toHaveLength(1)
})

test('more than 50,000 rows stay where they are', async () => {
  const { server, moves, use } = world()
  await use(1000, 1000)
  server.rows = 50_001
  server.old = 200_000
  await use(1000, 1000)
  expect(moves).toEqual([])
  server.rows = 50_000
  await use(1000, 1000)
  expect(moves).toHaveLength(1)
})

test('old versions that were left behind do not count', async () => {
  const { server, moves, use } = world()
  await use(1000, 1000)
  server.old = 9000
  server.floor = 2
  await use(1000, 1000)
  await use(1000, 1000)
  expect(moves).toEqual([])
})

test('nor do those that a vacuum has removed', async () => {
  const { server, moves, use } = world()
  server.old = 9000
  await use(1000, 1000)
  server.old = 1000
  await use(1000, 1000)
  server.old = 3019
  await use(1000, 1000)
  expect(moves).toEqual([])
  server.old = 3020
  await use(1000, 1000)
  expect(moves).toHaveLength(1)
})
