import { expect, test } from 'vitest'
import { FramedWait, type CycleSearcher } from '../../../src/lock/deadlock/framed-wait.js'
import type { Frame } from '../../../src/lock/handle/frame.js'
import type { LockWaiter } from '../../../src/lock/handle/lock-waiter.js'
import type { KeyEntry } from '../../../src/lock/key/key-entry.js'
import {
  holdersAgainst,
  mayBeHeldElsewhere,
  wantedMode,
  type Hold,
  type Wait,
} from '../../../src/lock/deadlock/wait-graph.js'

const MODES = ['exclusive', 'shared'] as const
type Mode = (typeof MODES)[number]

const HOLD: Hold = { frame: null }

test.each([
  ['exclusive', 'exclusive', true],
  ['exclusive', 'shared', true],
  ['shared', 'exclusive', true],
  ['shared', 'shared', false],
] as const)('who holds a key as %s keeps out who wants it as %s: %s', (held, wanted, keepsOut) => {
  expect(holdersAgainst({ mode: held, holders: [HOLD], queue: [] }, wanted)).toEqual(keepsOut ? [HOLD] : [])
})

test.each([
  ['exclusive', 0, true],
  ['exclusive', 1, false],
  ['shared', 0, true],
  ['shared', 1, true],
] as const)('a key that is held here as %s, by %i, may be held elsewhere: %s', (mode, count, maybe) => {
  const holders = Array.from({ length: count }, () => HOLD)
  expect(mayBeHeldElsewhere({ mode, holders, queue: [] })).toBe(maybe)
})

test.each([
  ['nobody', [], 'shared'],
  ['a reader', ['shared'], 'shared'],
  ['a writer', ['exclusive'], 'exclusive'],
  ['a writer behind a reader', ['shared', 'exclusive'], 'exclusive'],
] as const)('a reader behind %s waits as one who wants it %s%s', (_, ahead, wanted) => {
  const place = (queue: { mode: Mode }[]): Wait['place'] => ({ mode: 'exclusive', holders: [], queue })
  const before = ahead.map((mode) => ({ mode }))
  const reader = { mode: 'shared' as Mode }
  // Later waiters do not matter, not even a writer.
  const queue = [...before, reader, { mode: 'exclusive' as Mode }]

  expect(wantedMode({ mode: 'shared', place: place(queue), inQueue: reader })).toBe(wanted)
  const left = { mode: 'shared' as Mode }
  expect(wantedMode({ mode: 'shared', place: place(before), inQueue: left })).toBe(wanted)
  const writer = { mode: 'exclusive' as Mode }
  expect(wantedMode({ mode: 'exclusive', place: place([...before, writer]), inQueue: writer })).toBe(
    'exclusive',
  )
})

test('a wait is known to its enclosing bodies until it ends, and forgets its findings of two rounds ago', () => {
  const heard: unknown[] = []
  const seeker = {
    due: (wait: FramedWait) => heard.push(['due', wait.id]),
    closed: (wait: FramedWait, round: number) => heard.push(['closed', wait.id, round]),
  } as unknown as CycleSearcher
  const frames = [{ waits: null }, { waits: new Set() }] as unknown as Frame[]
  const wait = new FramedWait('me.1', { mode: 'shared' } as LockWaiter<KeyEntry>, frames, seeker)
  expect(frames.map(({ waits }) => [...waits!])).toEqual([[wait], [wait]])
  expect(wait).toMatchObject({
    mode: 'shared',
    round: 0,
    isConfirming: false,
    isVerifying: false,
    isListening: false,
  })

  wait.found = new Set(['circle'])
  wait.nextRound(true)
  expect([wait.round, wait.isConfirming, [...wait.foundBefore], wait.found.size]).toEqual([
    1,
    true,
    ['circle'],
    0,
  ])
  wait.nextRound(false)
  expect([wait.round, wait.isConfirming, wait.foundBefore.size]).toEqual([2, false, 0])

  wait.expire()
  wait.closed(2, {} as never)
  expect(heard).toEqual([
    ['due', 'me.1'],
    ['closed', 'me.1', 2],
  ])
  wait.ended()
  expect(frames.map(({ waits }) => waits!.size)).toEqual([0, 0])
})
