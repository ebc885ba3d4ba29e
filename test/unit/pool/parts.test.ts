/** The parts of the pool that decide and count, each tested alone. */
import { describe, expect, test, vi } from 'vitest'
import type { Clock } from '../../../src/base/clock.js'
import { connectRequest } from '../../../src/pool/connect-request.js'
import { Slot } from '../../../src/pool/slot.js'
import { Tally } from '../../../src/pool/tally.js'
import { planUpkeep, UpkeepTimer } from '../../../src/pool/upkeep.js'
import { ManualClock } from '../../../src/testing/manual-clock.js'
import type { Stub } from '../../support/stub-factory.js'

describe('due upkeep', () => {
  const NOW = 1000
  const RULES = { min: 1, idleTimeoutMs: 100 }
  let nextId = 1

  /** An idle slot that is young and was just used, except for the given changes. */
  function idle(but: Partial<Slot<Stub>> = {}): Slot<Stub> {
    const slot = new Slot<Stub>(nextId++, () => undefined)
    slot.move('idle')
    return Object.assign(slot, { idleSince: NOW, ...but })
  }

  const plan = (
    slots: readonly Slot<Stub>[],
    strength: { usable?: number; old?: number; hasRoom?: boolean } = {},
  ) => planUpkeep(slots, slots, { usable: slots.length, old: 0, hasRoom: true, ...strength }, NOW, RULES)

  test('one grows old at the moment when it is due, once, and not while it closes', () => {
    const due = idle({ expiresAt: NOW, endsAt: NOW + 50 })
    const known = idle({ expiresAt: NOW - 1, endsAt: NOW + 50, isOld: true })
    const closing = idle({ expiresAt: NOW - 1 })
    closing.move('closing')

    const { aged } = planUpkeep(
      [due, known],
      [due, known, closing],
      { usable: 2, old: 1, hasRoom: true },
      NOW,
      RULES,
    )

    expect(aged).toEqual([due])
  })

  test('those that have just grown old do not count as such that stay', () => {
    const young = idle({ idleSince: NOW - 500 })
    const { close } = plan([young, idle({ expiresAt: NOW, endsAt: NOW + 50 })])

    expect(close.map(({ reason }) => reason)).toEqual(['old'])
  })

  test('as many old connections stay as min needs until others are there, and no more', () => {
    const old = [1, 2, 3].map(() => idle({ isOld: true, endsAt: NOW + 50 }))

    const { close, nextInMs } = plan(old, { old: 3 })

    expect(close).toEqual(old.slice(0, 2).map((slot) => ({ slot, reason: 'old' })))
    expect(nextInMs).toBe(50)
  })

  test('idle connections are closed when their time is up, the least recently used first, down to min', () => {
    const slots = [
      idle({ idleSince: NOW - 100 }),
      idle({ idleSince: NOW - 100 }),
      idle({ idleSince: NOW - 99 }),
    ]

    expect(plan(slots).close).toEqual(
      slots.slice(0, 2).map((slot) => ({ slot, reason: 'idle for too long' })),
    )
    expect(plan(slots.slice(1)).close).toEqual([{ slot: slots[1], reason: 'idle for too long' }])
    expect(plan(slots.slice(2))).toEqual({ close: [], aged: [], nextInMs: Infinity })
  })

  test('the next look is at the first thing that falls due, and not at once', () => {
    expect(plan([idle({ idleSince: NOW - 70 }), idle({ expiresAt: NOW + 40 })]).nextInMs).toBe(30)
    expect(plan([idle({ expiresAt: NOW + 20 }), idle()]).nextInMs).toBe(20)
    expect(plan([idle({ expiresAt: NOW + 0.2 })]).nextInMs).toBe(1)
  })
})

describe('the timer of upkeep', () => {
  test('is one, at the earliest time that was asked for, until it is closed', () => {
    const clock = new ManualClock()
    const ran: number[] = []
    const timer = new UpkeepTimer(clock, true, () => ran.push(clock.now()))
    timer.within(Infinity)
    expect(clock.armed).toBe(0)
    for (const ms of [50, 80, 20, 20]) timer.within(ms)
    expect(clock.armed).toBe(1)

    clock.advance(100)
    timer.within(10, 95)
    clock.advance(10)
    expect(ran).toEqual([20, 110])

    timer.close()
    timer.within(10)
    expect(clock.armed).toBe(0)
  })

  test.each([true, false])('keeps the process alive if the option says so: %s', (keeps) => {
    const clock = new ManualClock()
    const after = vi.spyOn(clock as Clock, 'after')
    new UpkeepTimer(clock, keeps, () => undefined).within(10)

    expect(after.mock.calls.map(([ms, , isKept]) => [ms, isKept])).toEqual([[10, keeps]])
  })
})

describe('the tally', () => {
  function counted(): { tally: Tally<Stub>; slot: () => Slot<Stub> } {
    const tally = new Tally<Stub>()
    const slot = (): Slot<Stub> => {
      const made = new Slot<Stub>(1, (moved, from) => tally.moved(moved, from))
      made.move('idle')
      return made
    }
    return { tally, slot }
  }

  test('counts who can be asked, and who draws on the reserved, for as long as they have it', () => {
    const { tally, slot } = counted()
    const checkouts = [
      [slot(), true, null],
      [slot(), false, () => true],
      [slot(), false, null],
    ] as const
    const seen = (): object => {
      const { leased, ordinaryLeased, askable } = tally
      return { leased, ordinaryLeased, askable }
    }
    for (const [one, isReserved, onWanted] of checkouts) {
      one.move('leased')
      tally.checkedOut(one, isReserved, onWanted)
    }
    expect(seen()).toEqual({ leased: 3, ordinaryLeased: 2, askable: 1 })

    checkouts[0][0].move('idle')
    expect(seen()).toEqual({ leased: 2, ordinaryLeased: 2, askable: 1 })
    checkouts[1][0].move('cleaning')
    expect(seen()).toEqual({ leased: 1, ordinaryLeased: 1, askable: 0 })
    expect([checkouts[1][0].onWanted, tally.cleaning]).toEqual([null, 1])
    checkouts[2][0].move('closed')
    expect(seen()).toEqual({ leased: 0, ordinaryLeased: 0, askable: 0 })
    expect(tally.closed).toBe(1)
  })

  test('counts the old once each, until they close', () => {
    const { tally, slot } = counted()
    const [a, b, young] = [slot(), slot(), slot()]
    for (const one of [a, a, b]) tally.aged(one)
    expect(tally.old).toBe(2)

    a.move('closing')
    expect([tally.old, tally.closing]).toEqual([1, 1])
    a.move('closed')
    expect([tally.old, tally.closing, tally.closed]).toEqual([1, 0, 1])
    b.move('closed')
    young.move('closed')
    expect([tally.old, tally.closed]).toEqual([0, 3])
  })
})

describe('how a connection is asked for', () => {
  test.each([
    ['half a signal', { signal: { addEventListener: () => undefined } }, '"signal" must be an AbortSignal'],
    [
      'the other half',
      { signal: { removeEventListener: () => undefined } },
      '"signal" must be an AbortSignal',
    ],
    ['no signal', { signal: 5 }, '"signal" must be an AbortSignal'],
    ['a number for yes', { reserved: 1 }, '"reserved" must be true or false, got 1'],
    ['a word for a function', { onWanted: 'yes' }, '"onWanted" must be a function'],
  ])('%s is refused', (_, options, problem) => {
    expect(() => connectRequest(options as never, 100)).toThrowError(
      expect.objectContaining({ problems: [expect.stringContaining(problem)] }),
    )
  })

  test('only a borrower that returns true will check in', () => {
    const answers = [true, false, 'yes', undefined].map((answer) =>
      connectRequest({ onWanted: () => answer as boolean }, 100).onWanted!(),
    )

    expect(answers).toEqual([true, false, false, false])
    expect(connectRequest({}, 100)).toEqual({
      timeoutMs: 100,
      signal: undefined,
      isReserved: false,
      onWanted: null,
    })
  })

  test('a handler that throws refuses, and the error reaches the process', () => {
    const later = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation(() => undefined)
    try {
      const onWanted = (): boolean => {
        throw new Error('not now')
      }
      expect(connectRequest({ onWanted }, 100).onWanted!()).toBe(false)
      expect(later.mock.calls[0]![0]).toThrow('not now')
    } finally {
      later.mockRestore()
    }
  })
})
