import { describe, expect, test, vi } from 'vitest'
import { hear, ringMessages } from '../../../src/dialect/postgres/postgres-bell.js'
import { explain } from '../../../src/dialect/postgres/postgres-errors.js'
import {
  BUCKET_CLASS,
  encodeKey,
  hashOf,
  INTEREST_CLASS,
  WRITER_CLASS,
} from '../../../src/dialect/postgres/postgres-key.js'

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
    expect(encodeKey(-1n, 'x')).toMatchObject({ id: '-1', high: -1, low: -1 })
    expect(encodeKey([0, 1], 'x')).toMatchObject({ id: 'p1', high: 0, low: 1, isPair: true })
    expect(encodeKey([-1, 7], 'x')).toMatchObject({
      bits: String(BigInt.asIntN(64, (-1n << 32n) | 7n)),
      high: -1,
      low: 7,
    })
  })

  test('have a hash that can be told by the id, and what is no id has none of any meaning', () => {
    const keys = ['orders', 'é', -1n, 2n ** 63n - 1n, -(2n ** 63n), [0, 1], [-1, 7], [-(2 ** 31), 0]] as const
    for (const key of keys) {
      const { id, hash } = encodeKey(key, '')
      expect(hashOf(id), id).toBe(hash)
    }
    for (const text of ['', 'p', '-', 's12', '1.5', `${10n ** 30n}`, '1 2', 'p-', '0x1'])
      expect(hashOf(text)).toBe(0)
  })

  test.each([
    [2n ** 63n, /64-bit integer/],
    [-(2n ** 63n) - 1n, /64-bit integer/],
    [[1.5, 0], /32-bit integers/],
    [[2 ** 31, 0], /32-bit integers/],
    [[0, -(2 ** 31) - 1], /32-bit integers/],
    [[0, '1'], /32-bit integers/],
    [[Number.NaN, 0], /32-bit integers/],
    [[INTEREST_CLASS, 0], /reserved for lockpool/],
    [[BUCKET_CLASS, 1], /reserved for lockpool/],
    [[WRITER_CLASS, 2], /reserved for lockpool/],
  ])('a raw key out of range is refused', (key, message) => {
    expect(() => encodeKey(key as bigint, '')).toThrowError(
      expect.objectContaining({ code: 'INVALID_KEY', message: expect.stringMatching(message) }),
    )
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
