import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { hashOf, LockNames } from '../../../../../src/dialect/mysql/keys/lock-names.js'

const names = new LockNames('shop')

test('a name is built as the guide says, so that other programs can build it', () => {
  const digest = createHash('sha256').update('shop\0billing\0sinvoice 4711').digest('hex')

  expect(names.key('invoice 4711', 'billing').id).toBe(`lp1${digest.slice(0, 32)}`)
})

test('names are short, and the same under every collation', () => {
  const semaphore = names.semaphore('ключ 🔑', 1000, 'n')
  const all = [names.key('É', '').id, semaphore.key.id, `${semaphore.shape.id}/1`, semaphore.slot(999).id]

  for (const name of all) {
    expect(name.length).toBeLessThanOrEqual(64)
    expect(name).toMatch(/^[a-z0-9/=]+$/)
  }
})

test('keys that differ in anything are different locks', () => {
  const keys = ['a', 'A', 'a ', 'á', 1n, [0, 1], '1', '0,1'] as const
  const ids = [
    ...keys.map((key) => names.key(key, '').id),
    ...keys.map((key) => names.semaphore(key, 3, '').key.id),
    names.key('a', 'n').id,
    new LockNames('other').key('a', '').id,
    new LockNames(null).key('a', '').id,
  ]

  expect(new Set(ids).size).toBe(ids.length)
})

test('the hash of a key follows from its name', () => {
  for (let i = 0; i < 100; i++) {
    const { id, hash } = names.key(`key ${i}`, '')
    expect(hashOf(id)).toBe(hash)
  }
})

test.each([[2n ** 63n], [-(2n ** 63n) - 1n], [[2 ** 31, 0]], [[0.5, 0]]] as const)('%s is no key', (key) => {
  expect(() => names.key(key as never, '')).toThrow(expect.objectContaining({ code: 'INVALID_KEY' }))
})
