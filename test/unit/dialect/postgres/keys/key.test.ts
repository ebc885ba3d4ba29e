import { describe, expect, test } from 'vitest'
import {
  BUCKET_CLASS,
  encodeKey,
  hashOf,
  REGISTRATION_CLASS,
  WRITER_CLASS,
} from '../../../../../src/dialect/postgres/keys/key.js'

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

  test('have a hash that follows from the id, and any number for text that is no id', () => {
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
    [[REGISTRATION_CLASS, 0], /reserved for lockpool/],
    [[BUCKET_CLASS, 1], /reserved for lockpool/],
    [[WRITER_CLASS, 2], /reserved for lockpool/],
  ])('a raw key out of range is refused', (key, message) => {
    expect(() => encodeKey(key as bigint, '')).toThrowError(
      expect.objectContaining({ code: 'INVALID_KEY', message: expect.stringMatching(message) }),
    )
  })
})
