/** What a process remembers of a semaphore that no caller uses at the moment. */
import { expect, test } from 'vitest'
import type { SemaphoreHost } from '../../../../src/lock/semaphore/local-permits.js'
import { SemaphoreCache } from '../../../../src/lock/semaphore/semaphore-cache.js'
import type { SemaphoreEntry } from '../../../../src/lock/semaphore/semaphore-entry.js'
import { fakeSemaphore } from '../../../../src/testing/fake-permits.js'
import { fakeWorld } from '../../../support/fake-world.js'

/** A book, and a function that opens entries. An entry without callers reports to the book that it is at rest. */
function book() {
  const host = { isClosing: false, evict: () => entries.rested() } as Partial<SemaphoreHost> as SemaphoreHost
  const entries: SemaphoreCache = new SemaphoreCache(host)
  const open = (i: number, permits = 3): SemaphoreEntry =>
    entries.open(fakeSemaphore(`${i}`, permits), `label ${i}`)
  return { entries, open }
}

test('an unused entry is not found, and serves the next caller', () => {
  const { entries, open } = book()
  const entry = open(1)
  expect(entries.find(entry.key.id)).toBe(entry)
  entry.advance()
  entry.advance()

  expect(entries.find(entry.key.id)).toBeNull()
  expect([...entries]).toEqual([])
  expect(entries.size).toBe(0)

  const again = entries.open(entry.semaphore, 'the same by another name')
  expect(again).toBe(entry)
  expect(again.label).toBe('the same by another name')
  expect(entries.find(entry.key.id)).toBe(entry)
  expect([...entries]).toEqual([entry])
  expect(entries.size).toBe(1)
})

test('with another number of permits it is another entry', () => {
  const { entries, open } = book()
  const entry = open(1, 3)
  entry.advance()
  const other = open(1, 4)

  expect(other).not.toBe(entry)
  expect(other.semaphore.permits).toBe(4)
  expect([...entries]).toEqual([other])
  expect(entries.size).toBe(1)
  other.advance()
  expect(entries.size).toBe(0)
})

test('of many semaphores no more are kept than a thousand', () => {
  const { entries, open } = book()
  const first = open(0)
  first.advance()
  for (let i = 1; i < 1024; i++) open(i).advance()
  expect(open(0), 'kept').toBe(first)
  first.advance()
  open(1024).advance()

  expect(open(0), 'dropped').not.toBe(first)
  expect(entries.size).toBe(1)
})

test('while more than that are in use, as many are kept', () => {
  const { entries, open } = book()
  const used = Array.from({ length: 2000 }, (_, i) => open(i))
  const unused = Array.from({ length: 2000 }, (_, i) => open(2000 + i))
  for (const entry of unused) entry.advance()
  expect(open(2000)).toBe(unused[0])
  expect(entries.size).toBe(2001)
  for (const entry of used) expect(entries.find(entry.key.id)).toBe(entry)
})

test('a process that comes each time has precedence after the tenth time as after the first', async () => {
  const world = fakeWorld({ latencyMs: 0.3 })
  // In the server's queue the other process would come first in any case.
  world.server.longestWaitMs = 0
  const [a, b] = [world.pool(), world.pool()]
  const acquire = (pool: typeof a) => pool.semaphore('s', 1).acquire({ timeoutMs: 60_000 })
  for (let i = 0; i < 12; i++) {
    const first = acquire(a)
    await world.clock.run(5)
    const second = acquire(b)
    await world.clock.run(5)
    const released = (await first).release()
    // This is longer than the process yields, so its entry is unused when the next caller comes.
    await world.clock.run(1000)
    await released
    const over = (await second).release()
    await world.clock.run(50)
    await over
  }
  const held = acquire(a)
  await world.clock.run(5)
  const order: string[] = []
  const theirs = acquire(b).then((permit) => {
    order.push('the other process')
    return permit.release()
  })
  await world.clock.run(5)
  const released = (await held).release().then(async () => {
    const permit = await acquire(a)
    order.push('this process')
    await permit.release()
  })
  for (let i = 0; i < 50; i++) await world.clock.run(2)
  await Promise.all([theirs, released])
  expect(order).toEqual(['the other process', 'this process'])
})
