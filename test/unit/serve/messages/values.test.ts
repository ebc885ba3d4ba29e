import { describe, expect, test } from 'vitest'
import { decodeParameter, encodeValue, TYPE } from '../../../../src/serve/messages/values.js'

const bytes = (...all: number[]): Buffer => Buffer.from(all)

describe('values of parameters and results', () => {
  test.each([
    [bytes(0xff, 0xfe), TYPE.int2, -2n],
    [bytes(0, 0, 0, 42), TYPE.int4, 42n],
    [bytes(0xff, 0xff, 0xff, 0xff), TYPE.oid, 4_294_967_295n],
    [bytes(0x80, 0, 0, 0, 0, 0, 0, 0), TYPE.int8, -(2n ** 63n)],
    [bytes(1), TYPE.bool, true],
    [Buffer.from('näme'), TYPE.text, 'näme'],
  ])('%j of type %i in binary form is %s', (sent, type, value) => {
    expect(decodeParameter(sent, type, 1)).toBe(value)
  })

  test('text is read by the type of the parameter', () => {
    expect(decodeParameter(Buffer.from(' 42 '), TYPE.int8, 0)).toBe(42n)
    expect(decodeParameter(Buffer.from('t'), TYPE.bool, 0)).toBe(true)
    expect(decodeParameter(Buffer.from('42'), TYPE.text, 0)).toBe('42')
    expect(decodeParameter(null, TYPE.int8, 0)).toBeNull()
  })

  test.each([
    ['abc', TYPE.int8, 0, '22P02'],
    ['', TYPE.int4, 0, '22P02'],
    ['3000000000', TYPE.int4, 0, '22003'],
    ['9223372036854775808', TYPE.int8, 0, '22003'],
    ['maybe', TYPE.bool, 0, '22P02'],
    ['abc', TYPE.int8, 1, '08P01'],
    ['abc', TYPE.int2, 1, '22P03'],
  ] as const)('%j is refused for type %i in format %i with %s', (text, type, format, state) => {
    expect(() => decodeParameter(Buffer.from(text), type, format)).toThrow(
      expect.objectContaining({ state }) as Error,
    )
  })

  test('results are text or binary, and the void result is empty in both', () => {
    expect(encodeValue('', TYPE.void, 0)).toEqual(Buffer.alloc(0))
    expect(encodeValue('', TYPE.void, 1)).toEqual(Buffer.alloc(0))
    expect(encodeValue(true, TYPE.bool, 0)).toEqual(Buffer.from('t'))
    expect(encodeValue(false, TYPE.bool, 1)).toEqual(bytes(0))
    expect(encodeValue(7n, TYPE.int4, 1)).toEqual(bytes(0, 0, 0, 7))
    expect(encodeValue(-1n, TYPE.int8, 1)).toEqual(bytes(255, 255, 255, 255, 255, 255, 255, 255))
    expect(encodeValue(null, TYPE.int8, 0)).toBeNull()
  })
})
