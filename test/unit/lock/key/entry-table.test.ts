import { expect, test } from 'vitest'
import type { KeyCode } from '../../../../src/dialect/lock-key.js'
import { EntryTable } from '../../../../src/lock/key/entry-table.js'
import type { KeyEntry } from '../../../../src/lock/key/key-entry.js'

/** An entry with only the properties that the table reads. */
const entryOf = (id: string, hash?: number): KeyEntry =>
  ({ key: hash === undefined ? { id } : { id, hash }, nextInTable: null }) as unknown as KeyEntry

const code = (id: string, hash?: number): KeyCode => (hash === undefined ? { id } : { id, hash })

const numberIn = (id: string): number => Number(id.slice(1))

test('entries of one bucket are found, and removed, wherever they stand in it', () => {
  for (const gone of [0, 1, 2]) {
    const table = new EntryTable(numberIn)
    const entries = [0, 64, 128].map((hash) => entryOf(`k${hash}`, hash))
    for (const entry of entries) table.add(entry)
    table.remove(entries[gone]!)
    const left = entries.filter((_, i) => i !== gone)
    expect(new Set(table.all())).toEqual(new Set(left))
    expect(entries[gone]!.nextInTable).toBeNull()
    for (const entry of left) expect(table.find(entry.key)).toBe(entry)
    expect(table.find(code(`k${gone * 64}`, gone * 64))).toBeNull()
    expect(table.size).toBe(2)
  }
})

test('a hash alone is no identity, and neither is an id of another hash', () => {
  const table = new EntryTable(numberIn)
  const entry = entryOf('k7', 7)
  table.add(entry)
  expect(table.find(code('k7', 7))).toBe(entry)
  expect(table.find(code('x7', 7))).toBeNull()
  expect(table.find(code('k7', 7 + 64))).toBeNull()
  expect(table.findById('k7')).toBe(entry)
  expect(table.findById('x7')).toBeNull()
})

test('keys without hashes are found by their ids, with a hash of the table', () => {
  const table = new EntryTable(null)
  const entries = ['a', 'b', 'ab', 'ba'].map((id) => entryOf(id))
  for (const entry of entries) table.add(entry)
  for (const { key } of entries) {
    expect(table.find(code(key.id))?.key).toBe(key)
    expect(table.findById(key.id)?.key).toBe(key)
  }
  expect(table.findById('c')).toBeNull()
})

test('it grows and shrinks with the number of entries, and loses none', () => {
  const table = new EntryTable(numberIn)
  const entries = Array.from({ length: 2000 }, (_, i) => entryOf(`k${i}`, i))
  for (const entry of entries) table.add(entry)
  expect(table.size).toBe(2000)
  // A bucket has at most two entries here, so the chains are short.
  const longest = Math.max(...entries.map((entry) => chainOf(entry)))
  expect(longest).toBeLessThanOrEqual(2)
  for (const entry of entries.slice(10)) table.remove(entry)
  expect(new Set(table.all())).toEqual(new Set(entries.slice(0, 10)))
  // The table has 64 buckets again, so hashes that differ by 64 times a number share a bucket.
  const [one, other] = [entryOf('k1000', 1000), entryOf(`k${1000 + 64}`, 1000 + 64)]
  table.add(one)
  table.add(other)
  expect(other.nextInTable).toBe(one)
})

function chainOf(entry: KeyEntry): number {
  let length = 0
  for (let each: KeyEntry | null = entry; each !== null; each = each.nextInTable) length++
  return length
}
