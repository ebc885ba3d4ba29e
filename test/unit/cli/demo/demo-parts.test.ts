import { expect, test } from 'vitest'
import { readDemoOrder } from '../../../../src/cli/demo/demo-order.js'
import { DemoView, killLines, summaryLines, verdictLines } from '../../../../src/cli/demo/demo-view.js'
import { brokenPromises, money, thousands, type DemoOutcome } from '../../../../src/cli/demo/outcome.js'
import { tally } from '../../../../src/cli/demo/tally.js'
import { WaitHistogram } from '../../../../src/cli/demo/wait-histogram.js'
import type { Channel } from '../../../../src/cli/terminal.js'

const TALLY = {
  transfers: 6906,
  acquired: 15_172,
  handedOff: 1234,
  lost: 0,
  refused: 0,
  held: 40,
  waiting: 900,
  p50Ms: 12.3,
  p99Ms: 5678,
}

const KEPT = { cents: 1, reads: 13_828, regressions: 0, wrongAccounts: 0, wrongCents: 0 }

const GOOD: DemoOutcome = {
  version: 1,
  server: '18.4',
  processes: 4,
  tasks: 250,
  accounts: 1000,
  maxConnections: 16,
  without: {
    tally: TALLY,
    ms: 3000,
    missingCents: -219_260,
    ledger: { cents: 1, reads: 10, regressions: 0, wrongAccounts: 987, wrongCents: 1_234_567 },
  },
  withLocks: {
    tally: TALLY,
    ms: 9000,
    missingCents: 0,
    ledger: KEPT,
  },
  killed: {
    worker: 4,
    pid: 77,
    atMs: 4000,
    locks: 71,
    freedAfterMs: 155,
    inheritedAfterMs: 160,
    transfersAfter: 3000,
  },
  peak: { connections: 16, held: 712, waiting: 1216 },
}

/** A terminal or a log that records its output. */
function channel(isTerminal: boolean): Channel & { readonly text: () => string } {
  let text = ''
  return { isTerminal, write: (more) => void (text += more), paint: (_, plain) => plain, text: () => text }
}

test('nothing is reported as broken if every promise holds', () => {
  expect(brokenPromises(GOOD)).toEqual([])
  expect(verdictLines(GOOD, channel(false))).toEqual([
    '✓ With lockpool, 1,000 tasks in 4 processes lost no money, on 16 connections.',
    '  Without locks 987 accounts were wrong after 3.0 s, by 12,345.67 in total.',
  ])
})

test.each([
  ['a lost cent', { withLocks: { ...GOOD.withLocks, missingCents: -1 } }, /-0\.01/],
  ['a cent too much', { withLocks: { ...GOOD.withLocks, missingCents: 1 } }, /0\.01/],
  [
    'a token that came again',
    { withLocks: { ...GOOD.withLocks, ledger: { ...KEPT, regressions: 1 } } },
    /1 fencing token/,
  ],
  [
    'one cent too many here that is missing there',
    { withLocks: { ...GOOD.withLocks, ledger: { ...KEPT, wrongAccounts: 2, wrongCents: 2 } } },
    /2 accounts are wrong, by 0\.02/,
  ],
  [
    'a write that came too late',
    { withLocks: { ...GOOD.withLocks, tally: { ...TALLY, refused: 1 } } },
    /1 writes were refused/,
  ],
  ['a lost lock', { withLocks: { ...GOOD.withLocks, tally: { ...TALLY, lost: 2 } } }, /2 locks were lost/],
  ['others who stand still', { killed: { ...GOOD.killed, transfersAfter: 0 } }, /no process continued/],
  [
    'a killed process that keeps its locks',
    { killed: { ...GOOD.killed, freedAfterMs: null } },
    /were not freed/,
  ],
  ['a count that has counted nothing', { peak: { ...GOOD.peak, connections: 0 } }, /none of the connections/],
  ['a connection too many', { peak: { ...GOOD.peak, connections: 17 } }, /17 connections/],
])('%s is said, and is no success', (_, change, words) => {
  const outcome = { ...GOOD, ...change }

  expect(brokenPromises(outcome)).toEqual([expect.stringMatching(words)])
  expect(verdictLines(outcome, channel(false))).toEqual([expect.stringMatching(/^✗ /)])
})

test('a run that loses nothing without locks says so, and does not fail', () => {
  const lucky = { ...GOOD, without: { ...GOOD.without, missingCents: 0, ledger: KEPT } }

  expect(brokenPromises(lucky)).toEqual([])
  expect(verdictLines(lucky, channel(false))[1]).toMatch(/nothing was lost this time either/)
})

test('the summary fits a narrow terminal, and nothing is cut off', () => {
  const lines = summaryLines(GOOD, channel(true))

  for (const line of lines) expect(line.length, line).toBeLessThan(78)
  expect(lines.join('\n')).toMatch(
    / 71 locks, free after 155 ms\n    another process had one +after 160 ms$/m,
  )
})

test.each([
  [{}, /free after 155 ms, and another process had one after 160 ms$/],
  [{ inheritedAfterMs: null }, /free after 155 ms$/],
  [{ freedAfterMs: null }, /not freed$/],
])('the outcome of the locks of the killed process fits in two lines: %j', (change, words) => {
  const lines = killLines({ ...GOOD.killed, pid: 4_194_304, ...change })

  expect(lines).toEqual([expect.stringMatching(/worker 4 .* 71 locks$/), expect.stringMatching(words)])
  for (const line of lines) expect(line.length, line).toBeLessThan(80)
})

test('progress overwrites one line on a terminal, and is an occasional line in a log', () => {
  const progress = { title: 'with lockpool', ofMs: 9000, withLocks: true, tally: TALLY, connections: 16 }
  const [terminal, log] = [channel(true), channel(false)]
  const views = [new DemoView(terminal), new DemoView(log)]

  for (const view of views) {
    view.progress({ ...progress, ms: 1000 })
    view.progress({ ...progress, ms: 1100 })
    view.say('done')
  }

  expect(terminal.text().split('\x1b[3A\x1b[J')).toHaveLength(3)
  for (const line of terminal.text().split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  expect(log.text()).not.toContain('\x1b')
  expect(log.text().match(/transfers/g)).toHaveLength(1)
})

test('the waits of all processes are merged into one distribution', () => {
  const [a, b] = [new WaitHistogram(), new WaitHistogram()]
  for (let ms = 1; ms <= 99; ms++) a.add(ms)
  b.add(10_000)
  const report = { transfers: 1, acquired: 2, handedOff: 0, lost: 0, refused: 0, held: 1, waiting: 0 }

  const all = tally([
    { ...report, waits: JSON.parse(JSON.stringify(a)) as number[] },
    { ...report, waits: b.toJSON() },
  ])

  expect(all).toMatchObject({ transfers: 2, acquired: 4, held: 2 })
  expect(all.p50Ms).toBeGreaterThanOrEqual(50)
  expect(all.p50Ms).toBeLessThan(56)
  expect(all.p99Ms).toBeLessThan(110)
  expect(new WaitHistogram().percentile(0.5)).toBe(0)
  const extremes = new WaitHistogram()
  extremes.add(0)
  extremes.add(1e12)
  expect(extremes.percentile(0.5)).toBeLessThan(0.02)
})

test('amounts and counts are as people write them', () => {
  expect([0, 1, -1, 12_345, -123_456_789].map(money)).toEqual([
    '0.00',
    '0.01',
    '-0.01',
    '123.45',
    '-1,234,567.89',
  ])
  expect([0, 999, 1000, 1_234_567].map(thousands)).toEqual(['0', '999', '1,000', '1,234,567'])
})

test.each([
  [{}, null],
  [{ url: '' }, null],
  [{ url: 'postgres://z' }, 'postgres://z'],
  [{ url: 'postgres://z/db?application_name=me&ssl=1' }, 'postgres://z/db?ssl=1'],
  [{ url: 'nonsense' }, 'nonsense'],
])('the demo starts a server of its own unless --url names one: %j', (flags, url) => {
  expect(readDemoOrder(flags, []).url).toBe(url)
})

test('the demo takes no arguments', () => {
  expect(() => readDemoOrder({}, ['x'])).toThrow(/no arguments/)
})
