import { expect, test } from 'vitest'
import {
  encodeRowKey,
  encodeRowSemaphore,
  hashOfRow,
  idOfRow,
} from '../../../../../src/dialect/mysql/table/key.js'

test('keys of different kinds and namespaces are different rows', () => {
  const keys = [
    encodeRowKey('7', ''),
    encodeRowKey(7n, ''),
    encodeRowKey([0, 7], ''),
    encodeRowKey('7', 'other'),
    encodeRowSemaphore('7', 3, '').key,
    encodeRowSemaphore('7', 3, '').slot(0),
    encodeRowSemaphore('7', 3, '').shape,
    encodeRowSemaphore('7', 4, '').shape,
  ]
  expect(new Set(keys.map(({ bits }) => bits)).size).toBe(keys.length)
  for (const { bits } of keys) expect(BigInt.asIntN(64, BigInt(bits))).toBe(BigInt(bits))
})

test('the row of a name stays the same over versions', () => {
  expect(encodeRowKey('invoice 4711', 'shop').bits).toBe('-7798846594669747886')
})

test('slots of a semaphore are in a row, from the same base whatever the number of permits', () => {
  const [three, four] = [encodeRowSemaphore('pdf', 3, ''), encodeRowSemaphore('pdf', 4, '')]
  expect(BigInt(three.slot(2).bits) - BigInt(three.slot(0).bits)).toBe(2n)
  expect(four.slot(0).bits).toBe(three.slot(0).bits)
  expect(four.key.bits).toBe(three.key.bits)
})

test('the hash of a key follows from its id, and other text has a hash as well', () => {
  const key = encodeRowKey('orders', '')
  expect(key.id).toBe(idOfRow(key.bits))
  expect(hashOfRow(key.id)).toBe(key.hash)
  expect(hashOfRow('anything')).toBe(0)
})

test.each([2n ** 63n, [2 ** 31, 0] as const])('%s is no key', (key) => {
  expect(() => encodeRowKey(key, '')).toThrow(/64 bits|32-bit/)
})
