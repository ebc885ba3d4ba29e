/** When reports of sessions are written, and what happens if that fails. */
import { expect, test } from 'vitest'
import type { LockLink } from '../../../src/dialect/dialect.js'
import type { ReportRow, SessionReport } from '../../../src/dialect/session-report.js'
import { ReportBoard } from '../../../src/lock/records/report-board.js'
import { ManualClock, settle } from '../../../src/testing/manual-clock.js'

/** A session whose holds and waits began two seconds before the test. */
function session(serverId: number, holds = 0, waits = 0): (now: number) => SessionReport {
  const named = <T>(count: number, value: T): Map<string, T> =>
    new Map(Array.from({ length: count }, (_, i) => [`key ${i}`, value]))
  return (now) => ({
    serverId,
    process: { host: 'here', id: 1 },
    holds: named(holds, { heldMs: 2000 + now, label: null }),
    waits: named(waits, { waitedMs: 2000 + now, label: null, callers: 1 }),
    completeFromMs: 2000,
  })
}

const linkTo = (serverId: number, keepsReports = true): LockLink =>
  ({ serverId, keepsReports }) as unknown as LockLink

function boardOf() {
  const clock = new ManualClock()
  const world = { sessions: [] as ((now: number) => SessionReport)[], write: () => Promise.resolve() }
  const written: [at: number, rows: string[]][] = []
  const warnings: string[] = []
  const board = new ReportBoard({
    connections: { use: (body: (connection: object) => unknown) => Promise.resolve().then(() => body({})) },
    dialect: {
      writeReports: (_: object, rows: readonly ReportRow[]) => {
        written.push([
          clock.now(),
          rows.map(({ serverId, content }) => `${serverId} ${content === null ? 'same' : 'all'}`),
        ])
        return world.write()
      },
    },
    clock,
    reports: () => world.sessions.map((report) => report(clock.now())),
    warn: (message: string, error?: Error) => warnings.push(`${message}: ${error?.message}`),
  } as never)
  return { board, clock, world, written, warnings }
}

test('it checks once a second, while there is a session', async () => {
  const { board, clock, world, written } = boardOf()
  const [first, second] = [linkTo(1), linkTo(2)]
  world.sessions = [session(1, 1), session(2, 1), session(3, 1)]
  board.joined(linkTo(3, false))
  expect(clock.armed).toBe(0)
  board.joined(first)
  await clock.run(500)
  board.joined(second)
  await clock.run(1500)
  expect(written).toEqual([
    [1000, ['1 all', '2 all']],
    [2000, ['1 same', '2 same']],
  ])

  board.detached(linkTo(2))
  board.detached(first)
  await clock.run(1000)
  expect(written.slice(2)).toEqual([[3000, ['2 same']]])
  board.detached(second)
  expect(clock.armed).toBe(0)
})

test('a session that has come back is reported anew', async () => {
  const { board, clock, world, written } = boardOf()
  world.sessions = [session(1, 1)]
  board.joined(linkTo(1))
  await clock.run(1000)
  board.joined(linkTo(1))
  await clock.run(1000)

  expect(written.map(([, rows]) => rows)).toEqual([['1 all'], ['1 all']])
})

test('after the end there are no lookups and no new members', async () => {
  const { board, clock, world, written } = boardOf()
  world.sessions = [session(1, 1)]
  board.joined(linkTo(1))
  board.close()
  board.joined(linkTo(2))
  await clock.run(5000)

  expect([written, clock.armed]).toEqual([[], 0])
})

test('a session without locks is reported once, and again after an hour', async () => {
  const { board, clock, world, written } = boardOf()
  world.sessions = [session(1)]
  // A report contains start times instead of ages, so it need not be repeated while nothing changes.
  board.joined(linkTo(1))
  await clock.run(3_600_000)
  expect(written).toEqual([[1000, ['1 all']]])
  await clock.run(1000)
  expect(written.slice(1)).toEqual([[3_601_000, ['1 all']]])
  board.close()
})

test('a session that holds as much as it waits for is reported each time', async () => {
  const { board, clock, world, written } = boardOf()
  world.sessions = [session(1, 1, 1)]
  board.joined(linkTo(1))
  await clock.run(3000)

  expect(written.map(([, rows]) => rows)).toEqual([['1 all'], ['1 same'], ['1 same']])
  board.close()
})

test('a failure is reported once, and a minute later everything is sent again', async () => {
  const { board, clock, world, written, warnings } = boardOf()
  world.sessions = [session(1, 1)]
  board.joined(linkTo(1))
  await clock.run(1000)
  world.write = () => Promise.reject(new Error('down'))
  await clock.run(61_000)
  expect(written.map(([at]) => at)).toEqual([1000, 2000, 62_000])
  expect(warnings).toEqual(['ages of locks are not recorded: down'])

  world.write = () => Promise.resolve()
  await clock.run(60_000)
  expect(written.at(-1)).toEqual([122_000, ['1 all']])
  world.write = () => Promise.reject(new Error('again'))
  await clock.run(1000)
  expect(warnings.slice(1)).toEqual(['ages of locks are not recorded: again'])
  board.close()
})

test('a server that says nothing keeps no connection', async () => {
  const { board, clock, world, warnings } = boardOf()
  world.sessions = [session(1, 1)]
  world.write = () => new Promise(() => undefined)
  board.joined(linkTo(1))
  await clock.run(11_000)

  expect(warnings).toEqual(['ages of locks are not recorded: the server did not answer within 10000 ms'])
  board.close()
})

test('a session that ends while it is being written has ended', async () => {
  const { board, clock, world, warnings, written } = boardOf()
  let fail: (error: Error) => void = () => undefined
  world.sessions = [session(1, 1)]
  world.write = () => new Promise((_, reject) => (fail = reject))
  board.joined(linkTo(1))
  await clock.run(1000)
  board.close()
  fail(new Error('closed'))
  await settle()
  await clock.run(100_000)

  expect([warnings, clock.armed, written.length]).toEqual([[], 0, 1])
})

test('and so is a session that leaves meanwhile: one that takes its number is reported in full', async () => {
  const { board, clock, world, written } = boardOf()
  let done: () => void = () => undefined
  world.sessions = [session(1, 1)]
  world.write = () => new Promise((resolve) => (done = resolve))
  const link = linkTo(1)
  board.joined(link)
  await clock.run(1000)
  board.detached(link)
  done()
  await settle()
  expect(clock.armed).toBe(0)
  board.joined(linkTo(1))
  await clock.run(1000)

  expect(written.map(([, rows]) => rows)).toEqual([['1 all'], ['1 all']])
  board.close()
  done()
  await settle()
})
