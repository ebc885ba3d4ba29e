/** Functions and classes that decide from plain values, each tested alone. */
import { describe, expect, test } from 'vitest'
import { InvalidOptionError } from '../../../src/base/errors.js'
import { Precedence } from '../../../src/lock/contention/precedence.js'
import {
  currentFrame,
  framesHolding,
  isHeldAround,
  runHolding,
  runInTransaction,
} from '../../../src/lock/handle/holding-context.js'
import type { Lock } from '../../../src/lock/handle/lock.js'
import { resolveLockPoolOptions } from '../../../src/lock/lock-pool-options.js'

describe('courtesy', () => {
  function inVain(times: number): Precedence {
    const courtesy = new Precedence()
    for (let i = 0; i < times; i++) courtesy.missed(0)
    return courtesy
  }

  test('continues eight times without success', () => {
    expect([0, 1, 8].map((times) => inVain(times).isSuspended(0))).toEqual([false, false, false])
  })

  test.each([
    [9, 100],
    [10, 200],
    [11, 400],
    [12, 800],
    [13, 800],
    [20, 800],
  ])('pauses after %i times without success for %i ms', (times, ms) => {
    const courtesy = inVain(times - 1)
    courtesy.missed(5000)

    expect([5000, 5000 + ms - 1, 5000 + ms].map((now) => courtesy.isSuspended(now))).toEqual([
      true,
      true,
      false,
    ])
  })

  test('starts again after a process came', () => {
    const courtesy = inVain(12)
    courtesy.came()
    expect(courtesy.isSuspended(1)).toBe(false)
    for (let i = 0; i < 8; i++) courtesy.missed(1)
    expect(courtesy.isSuspended(1)).toBe(false)
    courtesy.missed(1)
    expect(courtesy.isSuspended(100)).toBe(true)
  })
})

describe('locks around a call', () => {
  const lockAt = (place: number, isHeld = true): Lock => ({ place, isHeld, frame: null }) as unknown as Lock
  const [POOL, OTHER] = [{}, {}]

  test('are those of its bodies, at any depth', () => {
    const [outer, inner] = [lockAt(0), lockAt(1)]
    const held = runHolding(outer, () =>
      runHolding(inner, () => ({
        inner: isHeldAround(POOL, 'k', [lockAt(0), inner], null),
        outer: isHeldAround(POOL, 'k', [outer], null),
        another: isHeldAround(POOL, 'k', [lockAt(0), lockAt(1)], null),
        free: isHeldAround(POOL, 'k', [], null),
      })),
    )

    expect(held).toEqual({ inner: true, outer: true, another: false, free: false })
    expect(outer.frame).toMatchObject({ lock: outer, parent: null })
    expect(inner.frame).toMatchObject({ lock: inner, parent: outer.frame })
  })

  test('include those of enclosing transactions of the pool, except the asking one', () => {
    const keys = new Set(['k'])
    const asked = runInTransaction(POOL, keys, () =>
      runHolding(lockAt(0), () => ({
        theirs: isHeldAround(POOL, 'k', [], null),
        ours: isHeldAround(POOL, 'k', [], keys),
        beside: isHeldAround(POOL, 'k', [], new Set(['k'])),
        another: isHeldAround(POOL, 'other', [], null),
        elsewhere: isHeldAround(OTHER, 'k', [], null),
      })),
    )

    expect(asked).toEqual({ theirs: true, ours: false, beside: true, another: false, elsewhere: false })
  })

  test('are listed with the innermost first, as long as they are held', () => {
    const [a, gone, b] = [lockAt(0), lockAt(0, false), lockAt(0)]
    const frames = runHolding(a, () =>
      runHolding(gone, () =>
        runInTransaction(POOL, new Set<string>(), () => runHolding(b, () => framesHolding(currentFrame()))),
      ),
    )

    expect(frames.map(({ lock }) => lock)).toEqual([b, a])
    expect(framesHolding(null)).toEqual([])
  })
})

describe('options of a pool', () => {
  const problemsOf = (options: object, more: string[] = []): readonly string[] => {
    try {
      resolveLockPoolOptions(options, more)
      return []
    } catch (error) {
      return (error as InvalidOptionError).problems
    }
  }

  test.each(['auto', 1, 10_000_000])('maxHeldLocks may be %s', (maxHeldLocks) => {
    expect(resolveLockPoolOptions({ maxHeldLocks: maxHeldLocks as number })).toMatchObject({ maxHeldLocks })
  })

  test.each([0, 1.5, 10_000_001, 'many', null])('maxHeldLocks may not be %s', (maxHeldLocks) => {
    expect(problemsOf({ maxHeldLocks })).toEqual([expect.stringContaining('"auto" or an integer')])
  })

  test('all problems are reported at once, also those found elsewhere', () => {
    expect(problemsOf({ min: 3, max: 2 })).toEqual(['"min" (3) is more than "max" (2)'])
    expect(problemsOf({ min: 2, max: 2 })).toEqual([])
    expect(problemsOf({}, ['elsewhere'])).toEqual(['elsewhere'])
    expect(problemsOf({ min: -1, fencing: 'on' }, ['elsewhere'])).toEqual([
      expect.stringContaining('"min"'),
      expect.stringContaining('"fencing"'),
      'elsewhere',
    ])
  })

  test('an error of a getter affects no other caller', () => {
    const boom = new Error('boom')
    const options = {
      get min(): number {
        throw boom
      },
    }
    expect(() => resolveLockPoolOptions(options)).toThrow(boom)
  })
})
