import { expect, test } from 'vitest'
import { check } from '../../../chaos/check.js'
import type { FindingKind } from '../../../chaos/check/finding.js'
import type { History, Life, Strike, WorkerEvent } from '../../../chaos/history.js'
import { parseJournal } from '../../../chaos/journal.js'

type BareEvent = WorkerEvent extends infer E
  ? E extends WorkerEvent
    ? Omit<E, 'at' | 'wall'>
    : never
  : never

/** One life of one worker, as its record shows it: the events and their times. */
function life(
  process: string,
  events: readonly (readonly [at: number, event: BareEvent])[],
  more: Partial<Life> = {},
): Life {
  const written: WorkerEvent[] = events.map(([at, event]) => ({ ...event, at, wall: at }))
  return { process, events: written, endedAt: 100_000, how: 'exited', ...more }
}

const asked = (ask: string, mode: 'exclusive' | 'shared' = 'exclusive', withinMs = 1000): BareEvent => ({
  what: 'asked',
  ask,
  key: '1',
  mode,
  withinMs,
})
const granted = (ask: string, token: number | null): BareEvent => ({
  what: 'granted',
  ask,
  token: token === null ? null : String(token),
})
const held = (ask: string): BareEvent => ({ what: 'held', ask })
const releasing = (ask: string): BareEvent => ({ what: 'releasing', ask })

/** A life with one hold, from `from` to `to`. */
function hold(process: string, from: number, to: number, token: number | null, mode?: 'shared'): Life {
  const ask = `${process}/1`
  return life(process, [
    [from - 2, asked(ask, mode)],
    [from - 1, granted(ask, token)],
    [from, held(ask)],
    [to, held(ask)],
    [to + 1, releasing(ask)],
  ])
}

function strike(kind: Partial<Strike>): Strike {
  return {
    kind: 'x',
    process: null,
    letsGo: false,
    forgets: false,
    isPause: false,
    isSilence: false,
    from: 0,
    to: 0,
    ...kind,
  }
}

const QUIET: History = {
  leaseMs: 1000,
  isStrict: false,
  endedAt: 100_000,
  lives: [hold('w1', 10, 20, 1), hold('w2', 30, 40, 2)],
  strikes: [],
  calms: [],
  sightings: [],
  writes: [],
  leaks: [],
}

function kinds(change: Partial<History>): FindingKind[] {
  return check({ ...QUIET, ...change }).findings.map(({ kind }) => kind)
}

test('a run in which all went well has no findings, and its figures are right', () => {
  const { findings, figures } = check(QUIET)

  expect(findings).toEqual([])
  expect(figures).toMatchObject({ asks: 2, grants: 2, losses: 0, refusals: {}, guardedWrites: 0 })
})

test('two holders at once are found, and readers that share are not reported', () => {
  expect(kinds({ lives: [hold('w1', 10, 30, 1), hold('w2', 20, 40, 2)] })).toEqual(['overlap'])
  expect(kinds({ lives: [hold('w1', 10, 30, 1, 'shared'), hold('w2', 20, 40, 2)] })).toEqual(['overlap'])
  expect(kinds({ lives: [hold('w1', 10, 30, 1, 'shared'), hold('w2', 20, 40, 2, 'shared')] })).toEqual([])
})

test('a server that released early explains an overlap in plain mode, and nothing explains one in strict mode', () => {
  const lives = [hold('w1', 10, 30, 1), hold('w2', 20, 40, 2)]
  const terminated = [strike({ letsGo: true, from: 15, to: 15 })]

  expect(kinds({ lives, strikes: terminated })).toEqual([])
  expect(check({ ...QUIET, lives, strikes: terminated }).figures).toMatchObject({ excusedOverlaps: 1 })
  expect(kinds({ lives, strikes: [strike({ letsGo: true, from: 500, to: 600 })] })).toEqual(['overlap'])
  expect(kinds({ lives, strikes: [strike({ isPause: true, from: 15, to: 18 })] })).toEqual(['overlap'])
  expect(kinds({ lives, strikes: terminated, isStrict: true })).toEqual(['overlap'])
})

test('a token that does not grow, or comes twice, is found', () => {
  expect(kinds({ lives: [hold('w1', 10, 20, 2), hold('w2', 30, 40, 1)] })).toEqual(['token-regression'])
  expect(kinds({ lives: [hold('w1', 10, 20, 2), hold('w2', 30, 40, 2)] })).toContain('token-regression')
})

test('locks without tokens exclude each other, and have no order', () => {
  expect(
    kinds({ lives: [hold('w1', 10, 20, 1), hold('c1.1', 30, 40, null), hold('w2', 50, 60, 2)] }),
  ).toEqual([])
  expect(kinds({ lives: [hold('w1', 10, 30, 1), hold('c1.1', 20, 40, null)] })).toEqual(['overlap'])
})

test('a stale write and a lost update are found', () => {
  const write = (ask: string, token: bigint, value: number) => ({ key: '1', ask, token, value })

  expect(kinds({ writes: [write('a', 1n, 1), write('b', 2n, 2)] })).toEqual([])
  expect(kinds({ writes: [write('a', 2n, 1), write('b', 1n, 2)] })).toEqual(['stale-write'])
  expect(kinds({ writes: [write('a', 2n, 1), write('b', 2n, 2)] })).toEqual(['stale-write'])
  expect(kinds({ writes: [write('a', 1n, 1), write('b', 2n, 1)] })).toEqual(['lost-update'])
})

test('a fail-over that took back a value explains a lost update of a holder across it, and no stale write', () => {
  const lives = [hold('w1', 10, 20, 1), hold('w2', 30, 40, 2)]
  const write = (ask: string, token: bigint, value: number) => ({ key: '1', ask, token, value })
  const across = [strike({ letsGo: true, forgets: true, from: 35, to: 38 })]
  const jump = [write('w1/1', 1n, 1), write('w2/1', 2n, 3)]
  const before = [strike({ letsGo: true, forgets: true, from: 22, to: 25 })]

  expect(check({ ...QUIET, lives, writes: jump, strikes: across }).findings).toEqual([])
  expect(check({ ...QUIET, lives, writes: jump, strikes: across }).figures).toMatchObject({
    excusedUpdates: 1,
  })
  expect(kinds({ lives, writes: jump, strikes: before })).toEqual(['lost-update'])
  expect(kinds({ lives, writes: jump, strikes: [strike({ letsGo: true, from: 35, to: 38 })] })).toEqual([
    'lost-update',
  ])
  const stale = [write('w1/1', 3n, 1), write('w2/1', 2n, 2)]
  expect(kinds({ lives, writes: stale, strikes: across })).toEqual(['stale-write'])
})

test('a key that is free while a process waits for it means a lost wake-up, if nothing else failed', () => {
  const waiting = life('w1', [
    [0, asked('w1/1', 'exclusive', 60_000)],
    [9000, granted('w1/1', 1)],
  ])
  const looks = (held: string[]) =>
    Array.from({ length: 50 }, (_, i) => ({ at: 1000 + i * 100, held: new Set(held) }))
  const calms = [{ from: 500, to: 8000 }]

  expect(kinds({ lives: [waiting], sightings: looks([]), calms })).toEqual(['lost-wake-up'])
  expect(kinds({ lives: [waiting], sightings: looks(['1']), calms })).toEqual([])
  expect(kinds({ lives: [waiting], sightings: looks([]), calms: [] })).toEqual([])
})

test('the time in which the machine was too busy is not counted, neither before calm nor in it', () => {
  const waiting = life('w1', [
    [0, asked('w1/1', 'exclusive', 60_000)],
    [9000, granted('w1/1', 1)],
  ])
  const counting = (pauseAt: number, pauseMs: number): Life => {
    const times = Array.from({ length: 20 }, (_, i) => i * 500).map((at) =>
      at > pauseAt ? at + pauseMs : at,
    )
    return life(
      'w2',
      times.map((at) => [at, { what: 'counted', handedOff: 0 }]),
    )
  }
  const sightings = Array.from({ length: 30 }, (_, i) => ({ at: 3000 + i * 100, held: new Set<string>() }))
  const calms = [{ from: 3000, to: 8000 }]
  const strikes = [strike({ from: 400, to: 500 })]
  const found = (busy: Life): FindingKind[] => kinds({ lives: [waiting, busy], sightings, calms, strikes })

  expect(found(counting(0, 0))).toEqual(['lost-wake-up'])
  expect(found(counting(1000, 2000)), 'before').toEqual([])
  expect(found(counting(4000, 2000)), 'meanwhile').toEqual([])
  expect(found(counting(7000, 2000)), 'later').toEqual(['lost-wake-up'])
  const many = Array.from({ length: 50 }, (_, i) => ({ at: 3000 + i * 100, held: new Set<string>() }))
  const late = { lives: [waiting, counting(3000, 1100)], sightings: many, calms, strikes }
  expect(kinds({ ...late, leaseMs: 60_000 }), 'no lease ran out').toEqual(['lost-wake-up'])
  expect(kinds({ ...late, leaseMs: 1000 }), 'leases ran out').toEqual([])
})

test('a grant that never reached a caller is found, by the row that names its process', () => {
  const looks = (process: string | null, tokens = () => '7') =>
    Array.from({ length: 50 }, (_, i) => ({
      at: 1000 + i * 100,
      held: new Set(['1']),
      holders: new Map([['1', { process, token: tokens() }]]),
    }))
  const calms = [{ from: 500, to: 8000 }]
  const lives = [hold('w1', 900, 6000, 7)]
  let token = 0

  expect(kinds({ lives, calms, sightings: looks('w1') })).toEqual([])
  expect(kinds({ lives, calms, sightings: looks('w2') })).toEqual(['lost-grant'])
  expect(kinds({ lives, calms, sightings: looks(null) })).toEqual(['lost-grant'])
  expect(kinds({ lives, calms: [], sightings: looks('w2') })).toEqual([])
  expect(kinds({ lives, calms, sightings: looks('w2', () => String(token++)) })).toEqual([])
})

test('an answer long after the deadline is found, time in which the process was stopped aside', () => {
  const late = life('w1', [
    [0, asked('w1/1', 'exclusive', 1000)],
    [9000, { what: 'refused', ask: 'w1/1', code: 'LOCK_TIMEOUT' }],
  ])
  const stopped = [strike({ isPause: true, process: 'w1', from: 500, to: 8500 })]

  expect(kinds({ lives: [late] })).toEqual(['outlived-deadline'])
  expect(kinds({ lives: [late], strikes: stopped })).toEqual([])
  const counted = (...at: number[]): Life => ({
    ...late,
    events: [
      ...late.events,
      ...at.map((each) => ({ what: 'counted' as const, handedOff: 0, at: each, wall: each })),
    ],
  })
  expect(kinds({ lives: [counted(500, 8600, 9100)] }), 'it did not run').toEqual([])
  expect(kinds({ lives: [counted(500, 1000, 1500, 2000)] })).toEqual(['outlived-deadline'])
  expect(kinds({ lives: [life('w1', [[0, asked('w1/1')]], { endedAt: null })] })).toEqual([
    'outlived-deadline',
  ])
})

test('a lock of a silent holder that is freed too late is found', () => {
  const silent = [strike({ isSilence: true, isPause: true, process: 'w1', from: 1000, to: 20_000 })]
  const holder = hold('w1', 500, 1000, 1)
  const next = (at: number): Life =>
    life('w2', [
      [600, asked('w2/1', 'exclusive', 60_000)],
      [at, granted('w2/1', 2)],
    ])
  const first = { ...holder, events: holder.events.slice(0, 4) }

  expect(kinds({ lives: [first, next(2200)], strikes: silent })).toEqual([])
  expect(kinds({ lives: [first, next(9000)], strikes: silent })).toEqual(['slow-take-over'])
})

test('a front that is stopped excuses late answers of its own clients, and of no others', () => {
  const late = (behind: string): Life => ({
    ...life('c1.1', [
      [0, asked('c1.1/1', 'exclusive', 1000)],
      [9000, { what: 'refused', ask: 'c1.1/1', code: 'NO_ANSWER' }],
    ]),
    behind,
  })
  const stopped = [strike({ isPause: true, process: 'f1.3', from: 500, to: 8500 })]

  expect(kinds({ lives: [late('f1')], strikes: stopped })).toEqual([])
  expect(kinds({ lives: [late('f2')], strikes: stopped })).toEqual(['outlived-deadline'])
  const twice = [...stopped, strike({ isPause: true, process: 'c1.1', from: 500, to: 3000 })]
  const later = { ...late('f1'), endedAt: 100_000 }
  expect(kinds({ lives: [later], strikes: twice })).toEqual([])
  const short = [4000, 3900].map((to) => strike({ isPause: true, process: 'f1.3', from: 0, to }))
  expect(kinds({ lives: [later], strikes: short }), 'no moment counts twice').toEqual(['outlived-deadline'])
})

test('the lock of a client whose front is silent must be taken over, by others than its clients', () => {
  const silent = [strike({ isSilence: true, process: 'f1.1', from: 1000, to: 20_000 })]
  const holder = hold('c1.1', 500, 1000, null)
  const first = { ...holder, behind: 'f1', events: holder.events.slice(0, 4) }
  const next = (process: string, behind?: string): Life => ({
    ...life(process, [
      [600, asked(`${process}/1`, 'exclusive', 60_000)],
      [9000, granted(`${process}/1`, 2)],
    ]),
    ...(behind === undefined ? {} : { behind }),
  })

  expect(kinds({ lives: [first, next('w1')], strikes: silent })).toEqual(['slow-take-over'])
  expect(kinds({ lives: [first, next('c2.1', 'f2')], strikes: silent })).toEqual(['slow-take-over'])
  expect(kinds({ lives: [first, next('c1.2', 'f1')], strikes: silent })).toEqual([])
})

test('an unexpected error, an unhandled rejection, a process that stays alive and a leak are found', () => {
  const refused = life('w1', [
    [0, asked('w1/1')],
    [5, { what: 'refused', ask: 'w1/1', code: 'InvariantError: x' }],
  ])

  expect(kinds({ lives: [refused] })).toEqual(['unknown-error'])
  expect(kinds({ lives: [life('w1', [[0, { what: 'unhandled', message: 'x' }]])] })).toEqual(['unhandled'])
  expect(kinds({ lives: [life('w1', [], { how: 'stuck' })] })).toEqual(['did-not-exit'])
  expect(kinds({ lives: [life('w1', [], { how: 'crashed' })] })).toEqual(['crashed'])
  expect(kinds({ leaks: ['a lock'] })).toEqual(['leak'])
})

test('the journal of a process that was killed in the middle of a line can be read', () => {
  expect(parseJournal('{"what":"closed","at":1,"wall":1}\n{"what":"clo')).toEqual([
    { what: 'closed', at: 1, wall: 1 },
  ])
  expect(parseJournal('')).toEqual([])
})
