import { expect, test } from 'vitest'
import type { KeyCode } from '../../../src/dialect/lock-key.js'
import { EntryBook } from '../../../src/lock/entry-book.js'
import type { EntryHost } from '../../../src/lock/entry-host.js'
import type { Entry } from '../../../src/lock/entry.js'

const code = (i: number): KeyCode => ({ id: `id ${i}` })

/** A book, and what makes an entry in which nobody is interested come to rest. */
function book() {
  const host = { isClosing: false, forget: () => entries.rested() } as Partial<EntryHost> as EntryHost
  const entries: EntryBook = new EntryBook(host)
  return { entries, open: (i: number): Entry => entries.open(code(i), `key ${i}`) }
}

test('an entry that has come to rest is not there any more, and is as new for whoever wants its key again', () => {
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

test('an entry comes to rest once, however often it is looked at', () => {
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
