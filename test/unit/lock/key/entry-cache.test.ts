import { expect, test, vi } from 'vitest'
import type { KeyCode } from '../../../../src/dialect/lock-key.js'
import { EntryCache } from '../../../../src/lock/key/entry-cache.js'
import type { KeyHost } from '../../../../src/lock/key/local-key.js'
import type { KeyEntry } from '../../../../src/lock/key/key-entry.js'

const code = (i: number): KeyCode => ({ id: `id ${i}` })

/** A book, and a function that opens entries. An unused entry reports to the book that it is idle. */
function book() {
  const host = {
    isClosing: false,
    evict: (entry) => entries.rested(entry as KeyEntry),
  } as Partial<KeyHost> as KeyHost
  const entries: EntryCache = new EntryCache(host)
  return { entries, open: (i: number): KeyEntry => entries.open(code(i), `key ${i}`) }
}

test('an idle entry is removed, and a caller that wants its key again gets a new one', () => {
  const { entries, open } = book()
  const entry = open(1)
  expect(entries.find('id 1')).toBe(entry)
  entry.listening()
  entry.advance()

  expect(entries.find('id 1')).toBeNull()
  expect([...entries]).toEqual([])
  expect(entries.size).toBe(0)

  const again = entries.open(code(1), 'the same by another name')
  expect(again).toBe(entry)
  expect(again.label).toBe('the same by another name')
  expect(again.isAtRest).toBe(false)
  expect(again.wake).toBe('no')
  expect(entries.size).toBe(1)
})

test('an entry becomes idle once, however often it is checked', () => {
  const { entries, open } = book()
  const [first] = [open(1), open(2)]
  first.advance()
  first.advance()
  expect(entries.size).toBe(1)
})

test('of many keys, each used once, no more are kept than a thousand', () => {
  const { entries, open } = book()
  const first = open(0)
  first.advance()
  expect(open(0), 'kept').toBe(first)
  first.advance()

  for (let i = 1; i < 1024; i++) open(i).advance()
  const last = open(1024)
  last.advance()

  expect(open(0), 'let go').not.toBe(first)
  expect(entries.size).toBe(1)
})

test('with many keys in use as many may be kept as are used', () => {
  const { entries, open } = book()
  for (let i = 0; i < 5000; i++) open(i)
  const kept = Array.from({ length: 5000 }, (_, i) => open(5000 + i))
  for (const entry of kept) entry.advance()
  expect(open(5000)).toBe(kept[0])
  expect(entries.size).toBe(5001)
})

/** Keys with hashes, as in a real database. Their ids are costly, so `idOf` counts how often they are read. */
function hashedBook() {
  const host = {
    isClosing: false,
    evict: (entry) => entries.rested(entry as KeyEntry),
  } as Partial<KeyHost> as KeyHost
  const entries: EntryCache = new EntryCache(host, (keyId) => Number(keyId.split(' ')[1]))
  const idOf = vi.fn((hash: number, name: string) => `${name} ${hash}`)
  const hashed = (hash: number, name = 'id'): KeyCode => ({
    hash,
    get id() {
      return idOf(hash, name)
    },
  })
  return { entries, idOf, hashed }
}

test('the entry of a key that has not come before is let go, and from the second time on it is kept', () => {
  const { entries, hashed } = hashedBook()
  const once = entries.open(hashed(7), 'seven')
  once.advance()
  const twice = entries.open(hashed(7), 'seven')
  expect(twice).not.toBe(once)
  twice.advance()
  expect(entries.size).toBe(0)

  expect(entries.open(hashed(7), 'seven')).toBe(twice)
  expect(entries.size).toBe(1)
})

test('it is known from the first time that a key was yielded to other processes', () => {
  const { entries, hashed } = hashedBook()
  const entry = entries.open(hashed(7), 'seven')
  vi.spyOn(entry, 'yieldsToProcesses', 'get').mockReturnValue(true)
  entry.advance()

  expect(entries.isBusy(hashed(7), 'exclusive')).toBe(true)
  expect(entries.open(hashed(7), 'seven')).toBe(entry)
})

test('two keys with one hash stay separate, in whatever order they come and go', () => {
  const { entries, hashed } = hashedBook()
  const [one, other] = [entries.open(hashed(7, 'one'), 'one'), entries.open(hashed(7, 'other'), 'other')]
  expect(other).not.toBe(one)
  expect(entries.open(hashed(7, 'one'), 'one')).toBe(one)
  expect(entries.find('other 7')).toBe(other)

  one.advance()
  expect(entries.open(hashed(7, 'other'), 'other')).toBe(other)
  expect(entries.find('one 7')).toBeNull()
  expect([...entries]).toEqual([other])
})

test('ids are made only for keys that share a hash, or are asked for by id', () => {
  const { entries, hashed, idOf } = hashedBook()
  for (let i = 0; i < 5000; i++) entries.open(hashed(i), i === 0 ? 'zero' : `key ${i}`)
  for (const entry of entries) entry.advance()
  expect(entries.size).toBe(0)
  expect(idOf).not.toHaveBeenCalled()

  for (let i = 0; i < 300; i++) entries.open(hashed(i * 64), 'again')
  expect(entries.find('id 128')?.label).toBe('again')
  expect(entries.find('id 129')).toBeNull()
})

test('all entries in use are found, however many come and go', () => {
  const { entries, hashed } = hashedBook()
  const kept = new Map<number, KeyEntry>()
  for (let i = 0; i < 3000; i++) {
    kept.set(i, entries.open(hashed(Math.imul(i, 0x9e3779b9)), `key ${i}`))
    if (i % 3 === 0) continue
    kept.get(i >> 1)?.advance()
    kept.delete(i >> 1)
  }
  expect(new Set(entries)).toEqual(new Set(kept.values()))
  for (const entry of kept.values()) expect(entries.open(entry.key, 'known')).toBe(entry)
})
