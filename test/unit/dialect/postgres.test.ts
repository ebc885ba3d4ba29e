import { describe, expect, test, vi } from 'vitest'
import { decodeAnswers, encodeBatch, wantedIn } from '../../../src/dialect/postgres/batch-codec.js'
import { hear, ringMessages } from '../../../src/dialect/postgres/postgres-bell.js'
import { explain } from '../../../src/dialect/postgres/postgres-errors.js'
import {
  BUCKET_CLASS,
  encodeKey,
  INTEREST_CLASS,
  WRITER_CLASS,
} from '../../../src/dialect/postgres/postgres-key.js'
import type { LockOperation } from '../../../src/dialect/lock-operation.js'

describe('keys', () => {
  test('a name is the first 64 bits of its hash, so that others can compute it', () => {
    // SELECT ('x' || left(encode(sha256(convert_to('', 'UTF8') || '\x00' || convert_to('orders', 'UTF8')), 'hex'), 16))::bit(64)::bigint
    expect(encodeKey('orders', '')).toMatchObject({ id: '5665126521505822548', isPair: false })
    expect(encodeKey('orders', 'shop').id).not.toBe(encodeKey('orders', '').id)
    expect(encodeKey('é', '').id, 'a name is its code points, not its looks').not.toBe(
      encodeKey('e\u0301', '').id,
    )
  })

  test('raw keys are themselves, and the two kinds stay apart', () => {
    expect(encodeKey(1n, 'x')).toMatchObject({ id: '1', high: 0, low: 1 })
    expect(encodeKey(-1n, 'x')).toMatchObject({ id: '-1', high: -1, low: -1, hash: 0 })
    expect(encodeKey([0, 1], 'x')).toMatchObject({ id: 'p1', high: 0, low: 1, isPair: true })
    expect(encodeKey([-1, 7], 'x')).toMatchObject({
      bits: String(BigInt.asIntN(64, (-1n << 32n) | 7n)),
      high: -1,
      low: 7,
    })
  })

  test.each([
    [2n ** 63n, /64 bits/],
    [-(2n ** 63n) - 1n, /64 bits/],
    [[1.5, 0], /32-bit integers/],
    [[2 ** 31, 0], /32-bit integers/],
    [[0, -(2 ** 31) - 1], /32-bit integers/],
    [[0, '1'], /32-bit integers/],
    [[Number.NaN, 0], /32-bit integers/],
    [[INTEREST_CLASS, 0], /lockpool's own/],
    [[BUCKET_CLASS, 1], /lockpool's own/],
    [[WRITER_CLASS, 2], /lockpool's own/],
  ])('a raw key out of range is refused', (key, message) => {
    expect(() => encodeKey(key as bigint, '')).toThrowError(
      expect.objectContaining({ code: 'INVALID_KEY', message: expect.stringMatching(message) }),
    )
  })
})

describe('batches', () => {
  const op = (
    kind: LockOperation['kind'],
    name: string,
    mode: LockOperation['mode'] = 'exclusive',
  ): LockOperation => ({
    kind,
    mode,
    key: encodeKey(name, ''),
  })

  test('are a byte for each operation and a binary array of keys, with a look into each bucket at the end', () => {
    const operations = [op('try', 'a'), op('release', 'b'), op('release', 'b2')]
    const { codes, keys, buckets, isPlain, mayGrant } = encodeBatch(operations, 0)

    expect([...codes]).toEqual([1, 2, 2, ...buckets.map(() => 14)])
    expect(keys.length).toBe(20 + 12 * codes.length)
    expect(keys.readInt32BE(12)).toBe(codes.length)
    expect(keys.readBigInt64BE(20 + 4)).toBe(BigInt(encodeKey('a', '').bits))
    expect({ isPlain, mayGrant }).toEqual({ isPlain: true, mayGrant: true })
  })

  test('of releases alone draw no token, and others than the plain ones need the full statement', () => {
    expect(encodeBatch([op('release', 'a')], 0)).toMatchObject({ isPlain: true, mayGrant: false })
    expect(encodeBatch([op('wait', 'a')], 0)).toMatchObject({ isPlain: false, mayGrant: true, buckets: [] })
    expect(encodeBatch([op('try', 'a', 'shared')], 0)).toMatchObject({ isPlain: false })
  })

  test('no bucket is looked into twice, however many releases there are', () => {
    const { buckets } = encodeBatch(
      Array.from({ length: 500 }, (_, i) => op('release', `key ${i}`)),
      0,
    )

    expect(buckets.length).toBe(32)
    expect(new Set(buckets).size).toBe(32)
  })

  test('a wanted bucket makes its releases wanted, and nothing else', () => {
    const operations = [op('release', 'a'), op('try', 'a2'), op('release', 'b'), op('release', 'c')]
    const { buckets } = encodeBatch(operations, 0)
    const said = `dgdn${buckets.map((_, i) => (i === 0 ? 'r' : 'd')).join('')}`
    const wanted = wantedIn(said, operations.length, buckets)

    expect(wanted).toBe(1 << buckets[0]!)
    expect(decodeAnswers(said, operations, wanted)).toBe('rgdn')
    expect(decodeAnswers(said, operations, 0)).toBe('dgdn')
  })

  test('in a bucket that is known to be wanted each release looks for itself, and still draws no token', () => {
    const operations = [op('release', 'a'), op('release', 'a', 'shared')]
    const { buckets } = encodeBatch(operations, 0)
    const looking = encodeBatch(operations, 1 << buckets[0]!)

    expect([...looking.codes]).toEqual([18, 19])
    expect(looking).toMatchObject({ buckets: [], isPlain: false, mayGrant: false })
    expect(encodeBatch([op('release', 'a')], -1)).toMatchObject({ buckets: [], isPlain: true })
    expect(decodeAnswers('rd', operations, 0)).toBe('rd')
  })

  test('what is never granted draws no token', () => {
    for (const kind of ['release', 'relinquish', 'leave', 'unmark', 'queue'] as const)
      expect(encodeBatch([op(kind, 'a')], 0).mayGrant, kind).toBe(false)
    for (const kind of ['try', 'wait', 'retry', 'poll', 'yield'] as const)
      expect(encodeBatch([op(kind, 'a')], 0).mayGrant, kind).toBe(true)
  })
})

describe('the bell', () => {
  test('messages stay within what a notification may carry', () => {
    const keys = Array.from({ length: 1000 }, (_, i) => encodeKey(-(2n ** 63n) + BigInt(i), ''))

    const messages = ringMessages('abcdefghij', keys)

    expect(messages.flatMap(({ ids }) => ids)).toEqual(keys.map(({ id }) => id))
    for (const { head, ids } of messages) expect(head.length + ids.join(' ').length).toBeLessThan(8000)
  })

  test.each(['', ' ', 'x', 'x ring', 'x fly 1 2', '\u0000', `x ring${' 1'.repeat(3)}`])(
    'what is not understood is not heard: %j',
    (payload) => {
      const ears = { rung: vi.fn(), claimed: vi.fn(), told: vi.fn() }

      hear(payload, ears, () => null)

      expect(ears.rung.mock.calls).toEqual(
        payload.startsWith('x ring 1')
          ? [
              ['1', 'x'],
              ['1', 'x'],
              ['1', 'x'],
            ]
          : [],
      )
      expect(ears.claimed).not.toHaveBeenCalled()
      expect(ears.told).not.toHaveBeenCalled()
    },
  )
})

describe('errors', () => {
  test.each([
    [
      { code: '53200', message: 'out of shared memory' },
      'LOCK_TABLE_FULL',
      true,
      /max_locks_per_transaction/,
    ],
    [{ code: '28P01', message: 'password authentication failed' }, 'CONNECTION_FAILED', false, /28P01/],
    [{ code: '3D000', message: 'database "x" does not exist' }, 'CONNECTION_FAILED', false, /does not exist/],
    [
      { code: '57P03', message: 'the database system is starting up' },
      'CONNECTION_FAILED',
      true,
      /starting up/,
    ],
    [{ code: '53300', message: 'too many clients' }, 'CONNECTION_FAILED', true, /too many/],
    [
      Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' }),
      'CONNECTION_FAILED',
      true,
      /^connect/,
    ],
    [new AggregateError([new Error('a'), new Error('b')]), 'CONNECTION_FAILED', true, /^a; b$/],
    [Object.assign(new Error(''), { code: 'ECONNRESET' }), 'CONNECTION_FAILED', true, /ECONNRESET/],
    ['odd', 'CONNECTION_FAILED', true, /odd/],
  ])('%o is explained', (error, code, retryable, message) => {
    const source =
      error instanceof Error || typeof error === 'string' ? error : Object.assign(new Error(), error)
    const explained = explain(source)

    expect(explained).toMatchObject({ code, retryable, cause: source })
    expect(explained.message).toMatch(message)
    expect(explain(explained)).toBe(explained)
  })
})
