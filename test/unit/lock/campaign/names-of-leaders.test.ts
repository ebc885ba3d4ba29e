import { expect, test } from 'vitest'
import { FencingUnavailableError } from '../../../../src/base/errors.js'
import type { LeaderRecord } from '../../../../src/dialect/leader.js'
import { LeaderBoard } from '../../../../src/lock/campaign/leader-board.js'
import { ManualClock } from '../../../../src/testing/manual-clock.js'
import { SeededRandom } from '../../../../src/testing/seeded-random.js'

const RECORD = { name: 'me' } as unknown as LeaderRecord

/**
 * A board whose attempts end as `ends` says, one after another; null is a success. It records the attempts and the warnings.
 */
function boardOf(ends: (Error | null)[], isAlone = false) {
  const clock = new ManualClock()
  const attempts: [at: number, record: LeaderRecord, signal: AbortSignal][] = []
  const warnings: [message: string, error: Error | undefined][] = []
  const connections = {
    connect: async ({ signal }: { signal: AbortSignal }) => {
      attempts.push([clock.now(), RECORD, signal])
      return { release: () => undefined }
    },
  }
  const dialect = {
    recordLeader: async () => {
      const end = ends.shift() ?? null
      if (end !== null) throw end
    },
  }
  const board = new LeaderBoard(
    {
      connections,
      dialect,
      clock,
      random: new SeededRandom(1),
      warn: (...told: never) => warnings.push(told),
    } as never,
    isAlone,
  )
  return { board, clock, attempts, warnings }
}

test('a name that can be written is written once, and only within the term', async () => {
  const { board, clock, attempts, warnings } = boardOf([])
  const term = new AbortController()
  await board.write(RECORD, term.signal)
  await clock.run(100_000)

  expect(attempts).toEqual([[0, RECORD, term.signal]])
  expect(warnings).toEqual([])
})

test('a failure is reported once, and retried less and less often, until it is written', async () => {
  const down = new Error('down')
  const { board, clock, attempts, warnings } = boardOf([down, down, down, null])
  await board.write(RECORD, new AbortController().signal)
  expect(warnings).toEqual([['the name of the leader is not recorded yet', down]])
  await clock.run(200_000)

  const pauses = attempts.slice(1).map(([at], i) => at - attempts[i]![0])
  expect(pauses).toHaveLength(3)
  expect(pauses[2]!).toBeGreaterThan(pauses[0]!)
  expect([warnings.length, clock.armed]).toEqual([1, 0])
})

test('no attempt follows when the term is over', async () => {
  const down = new Error('down')
  const { board, clock, attempts } = boardOf(Array.from({ length: 9 }, () => down))
  const term = new AbortController()
  await board.write(RECORD, term.signal)
  await clock.run(400)
  term.abort(new Error('over'))
  await clock.run(100_000).catch(() => undefined)

  expect(attempts.length).toBeLessThanOrEqual(2)
  expect(clock.armed).toBe(0)
})

test('a failure caused by the end of the term is not reported', async () => {
  const { board, clock, attempts, warnings } = boardOf([new Error('over')])
  await board.write(RECORD, AbortSignal.abort())
  await clock.run(100_000)

  expect([attempts.length, warnings, clock.armed]).toEqual([1, [], 0])
})

test('a lasting reason is reported once, and a new one again', async () => {
  const none = new FencingUnavailableError('no table')
  const { board, clock, attempts, warnings } = boardOf([none, none])
  const { signal } = new AbortController()
  await board.write(RECORD, signal)
  await board.write(RECORD, signal)
  await board.write(null, signal)
  await clock.run(100_000)

  expect(attempts).toHaveLength(2)
  expect(warnings).toEqual([
    [`leader names are unavailable: ${none.message}`, none],
    ['leader names are unavailable: there are no fencing tokens', undefined],
  ])
})

test('with one connection, which holds the lock, no attempt is made', async () => {
  const { board, attempts, warnings } = boardOf([], true)
  await board.write(RECORD, new AbortController().signal)

  expect(attempts).toEqual([])
  expect(warnings[0]![0]).toContain('"max" is 1')
})
