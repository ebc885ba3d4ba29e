import { describe, expect, test, vi } from 'vitest'
import { keyInWords, keyText } from '../../../../src/dialect/key-words.js'
import { KeyEncoder } from '../../../../src/lock/key/key-encoder.js'

describe('keys', () => {
  test('are shown as they are written', () => {
    expect(['a "b"', 7n, [1, -2] as const].map(keyText)).toEqual(['a "b"', '7', '(1, -2)'])
    expect(['a "b"', 7n, [1, -2] as const].map(keyInWords)).toEqual([
      'lock "a \\"b\\""',
      'lock 7',
      'lock (1, -2)',
    ])
  })

  test('are encoded once while they are cached, and the cache is bounded', () => {
    const encodeKey = vi.fn((key: unknown) => ({ id: String(key) }))
    const book = new KeyEncoder({ encodeKey }, '')

    const first = book.code('a')
    expect(book.code('a')).toBe(first)
    for (let i = 0; i < 4100; i++) book.code(`key ${i}`)
    expect(book.code('a'), 'still in the older half').toBe(first)
    for (let i = 0; i < 9000; i++) book.code(`other ${i}`)

    expect(book.code('a')).not.toBe(first)
    expect(book.code('a')).toEqual(first)
  })

  test('with hashes are remembered from their second time on, so that those of one time leave nothing behind', () => {
    const encodeKey = vi.fn((key: unknown) => ({ id: String(key), hash: String(key).length * 1024 }))
    const book = new KeyEncoder({ encodeKey }, '')

    const first = book.code('a')
    const second = book.code('a')
    expect(second).not.toBe(first)
    expect(book.code('a')).toBe(second)
    expect(encodeKey).toHaveBeenCalledTimes(2)
  })

  test('are refused if they are not keys, each kind in its own words', () => {
    const encodeKey = vi.fn((key: unknown) => ({ id: String(key) }))
    const book = new KeyEncoder({ encodeKey }, '')
    for (const key of ['', '\ud800', {}, 1, null] as never[])
      expect(() => book.code(key)).toThrow(expect.objectContaining({ code: 'INVALID_KEY' }) as Error)
    expect(encodeKey).not.toHaveBeenCalled()
  })

  test('of a group are encoded in their order, and all that are wrong are named at once', () => {
    const book = new KeyEncoder({ encodeKey: (key) => ({ id: String(key) }) }, '')
    expect(book.codes(new Set(['b', 7n]))).toEqual([
      { code: { id: 'b' }, label: 'b' },
      { code: { id: '7' }, label: 7n },
    ])
    expect(book.codes([])).toEqual([])
    for (const keys of ['ab', undefined, null, 7, {}] as never[])
      expect(() => book.codes(keys)).toThrow(/^lock keys must be an array or another iterable/)
    expect(() => book.codes(['fine', '', {} as never, ''])).toThrow(/^(?!.*;.*;).*;/)
  })

  test('pass on an error that is not about the key', () => {
    const trouble = new Error('out of order')
    const encodeKey = (): never => {
      throw trouble
    }
    expect(() => new KeyEncoder({ encodeKey }, '').codes(['a'])).toThrow(trouble)
  })
})
