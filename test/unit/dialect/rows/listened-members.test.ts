import { expect, test } from 'vitest'
import { encodeKey } from '../../../../src/dialect/postgres/keys/key.js'
import { ListenedMembers, type QueuePosition } from '../../../../src/dialect/rows/listened-members.js'
import type { Wait } from '../../../../src/dialect/rows/waits.js'

const KEY = encodeKey(1n, '')
const wait = (memberId: string): Wait => ({
  key: KEY,
  memberId,
  mode: 'exclusive',
  isSemaphore: false,
  since: null,
  before: null,
  given: null,
  passToken: null,
  isWoken: false,
})
const at = (place: number, ...members: string[]): Map<Wait, QueuePosition> =>
  new Map(members.map((member) => [wait(member), { place, turnMs: 200 }]))

test('a member is heard when one of its waiters is near the head, and one change is under way at a time', () => {
  const heard = new ListenedMembers()
  expect(heard.next(at(9, '7'), 0)).toBeNull()

  const change = heard.next(at(1, '7', '8'), 10)!
  expect(change).toEqual({ begin: ['7', '8'], end: [] })
  expect(heard.has('7'), 'not before it is in force').toBe(false)
  expect(heard.next(at(1, '7', '8', '9'), 20)).toBeNull()
  heard.changed(change)
  expect(heard.has('7')).toBe(true)
  expect(heard.next(at(1, '9'), 30)).toEqual({ begin: ['9'], end: [] })
})

test('it ends when no turn has been near for two seconds, and no notification has come', () => {
  const heard = new ListenedMembers()
  heard.changed(heard.next(at(0, '7'), 0)!)
  expect(heard.next(at(6, '7'), 1999)).toBeNull()
  heard.notified(1999)
  expect(heard.next(at(6, '7'), 3998)).toBeNull()
  expect(heard.next(new Map(), 9000), 'nothing is said to it anyway').toBeNull()
  const change = heard.next(at(6, '7'), 9000)!
  expect(change).toEqual({ begin: [], end: ['7'] })
  heard.changed(change)
  expect(heard.all).toEqual([])
})

test('it ends at once when all turns are far', () => {
  const listened = new ListenedMembers()
  listened.changed(listened.next(at(0, '7'), 0)!)
  expect(listened.next(at(8, '7'), 10)).toBeNull()
  expect(listened.next(new Map([...at(9, '7'), ...at(8, '7')]), 20)).toBeNull()
  expect(listened.next(at(9, '7'), 30)).toEqual({ begin: [], end: ['7'] })
})

test.each([
  [5, 200, true],
  [5, 201, false],
  [6, 3, false],
  [2, 60_000, true],
])('the waiter with %i before it, of %i ms each, is heard: %s', (place, turnMs, isHeard) => {
  const heard = new ListenedMembers()
  expect(heard.next(new Map([[wait('7'), { place, turnMs }]]), 0) !== null).toBe(isHeard)
})
