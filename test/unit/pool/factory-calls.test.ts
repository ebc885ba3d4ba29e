/** What the pool sees of a factory that breaks its contract, call by call. */
import { describe, expect, test } from 'vitest'
import type { ConnectionFactory } from '../../../src/pool/connection-factory.js'
import { GuardedFactory } from '../../../src/pool/guarded-factory.js'
import { settle } from '../../../src/testing/manual-clock.js'
import { rejection } from '../../support/fake-world.js'
import type { Stub } from '../../support/stub-factory.js'

describe('a factory behind its guard', () => {
  const SIGNAL = new AbortController().signal
  const guarded = (factory: Partial<Record<keyof ConnectionFactory<Stub>, unknown>>): GuardedFactory<Stub> =>
    new GuardedFactory({
      open: () => Promise.resolve({ id: 1 }),
      close: () => Promise.resolve(),
      ...factory,
    } as never)

  test('has a check or has none', () => {
    expect([guarded({}).checks, guarded({ check: () => undefined }).checks]).toEqual([false, true])
  })

  test.each([
    [5, '5'],
    [null, 'null'],
    [undefined, 'undefined'],
    ['connection', '"connection"'],
  ])('that answers %s has answered no connection', async (answer, shown) => {
    const error = await rejection(guarded({ open: () => Promise.resolve(answer) }).open(SIGNAL))

    expect(error).toMatchObject({
      code: 'CONNECTION_FAILED',
      message: expect.stringMatching(`answered ${shown}, not a connection`),
      retryable: false,
    })
    expect(error).not.toHaveProperty('cause')
  })

  test('that can not tell of an end has its connection closed, or else destroyed', async () => {
    const boom = new Error('boom')
    const ended: string[] = []
    const factory = guarded({
      onEnd: () => {
        throw boom
      },
      close: () => (ended.push('close'), Promise.reject(new Error('no'))),
      destroy: () => ended.push('destroy'),
    })

    expect(await rejection(factory.open(SIGNAL))).toBe(boom)
    expect(ended).toEqual(['close', 'destroy'])
  })

  test('may open one again that was discarded, and not before', async () => {
    const one = { id: 1 }
    const factory = guarded({ open: () => Promise.resolve(one) })
    await factory.open(SIGNAL)
    expect(await rejection(factory.open(SIGNAL))).toMatchObject({
      message: expect.stringMatching('open already'),
    })

    await factory.discard(one)

    expect(await factory.open(SIGNAL)).toBe(one)
  })

  test('reports an end once, also one that came before the listener', async () => {
    const ends: ((cause: unknown) => void)[] = []
    const factory = guarded({ onEnd: (_: Stub, ended: (cause: unknown) => void) => void ends.push(ended) })
    const [told, toldLate]: [Error[], Error[]] = [[], []]
    const first = await factory.open(SIGNAL)
    factory.onEnd(first, (cause) => told.push(cause))
    const [a, b] = [new Error('a'), new Error('b')]
    ends[0]!(a)
    ends[0]!(b)
    expect(told).toEqual([a])
    factory.onEnd(first, (cause) => toldLate.push(cause))
    expect(toldLate).toEqual([a])
  })

  test('that rejects on a request for its end has reported one', async () => {
    const factory = guarded({ onEnd: () => Promise.reject(new Error('gone')) })
    const told: Error[] = []
    factory.onEnd(await factory.open(SIGNAL), (cause) => told.push(cause))
    await settle()

    expect(told).toEqual([new Error('gone')])
  })

  test('that can not lend says why, with the cause', () => {
    const boom = new Error('boom')
    const lend = (lease: unknown): unknown => {
      try {
        return guarded({ lease }).lease({ id: 1 }, { release: () => undefined } as never)
      } catch (error) {
        return error
      }
    }
    const fails = lend(() => {
      throw boom
    }) as Error
    expect(fails).toMatchObject({
      message: "the factory: a connection can't be checked out: boom",
      cause: boom,
    })
    for (const answer of [undefined, {}, 5]) {
      const error = lend(() => answer) as Error
      expect(error.message).toMatch(/^the factory: "lease" answered .*, not something to release$/)
      expect(error).not.toHaveProperty('cause')
    }
  })

  test.each([
    [['a setting'], ['a setting']],
    [undefined, []],
    ['dirt', []],
  ])('that has found %s while cleaning tells of %s', async (answer, found) => {
    const cleaned = guarded({ clean: () => Promise.resolve(answer) }).clean({ id: 1 }, () => undefined)

    expect(await cleaned).toEqual(found)
    expect(guarded({}).clean({ id: 1 }, () => undefined)).toBeNull()
  })
})
