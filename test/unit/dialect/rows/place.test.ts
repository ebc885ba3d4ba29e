import { expect, test } from 'vitest'
import { encodeKey } from '../../../../src/dialect/postgres/keys/key.js'
import { isAmongFirst, placeOf, type PlaceRow } from '../../../../src/dialect/rows/place.js'
import type { Wait } from '../../../../src/dialect/rows/waits.js'

const wait = (mode: 'exclusive' | 'shared', isSemaphore = false): Wait => ({
  key: encodeKey(1n, ''),
  memberId: '7',
  mode,
  isSemaphore,
  passToken: null,
  isRung: false,
})
const row = (waiters: string, is_unowned = true, is_unread = true): PlaceRow => ({
  key: '1',
  token: '1024',
  is_unowned,
  is_unread,
  waiters,
})

test.each([
  ['a writer that is first', wait('exclusive'), row('7 8'), { place: 0, isFree: true }],
  ['a writer behind two', wait('exclusive'), row('8 -9 7'), { place: 2, isFree: true }],
  ['a writer while somebody reads', wait('exclusive'), row('7', true, false), { place: 0, isFree: false }],
  ['a reader behind readers', wait('shared'), row('-8 -9 -7'), { place: 0, isFree: true }],
  ['a reader behind a writer', wait('shared'), row('-8 9 -7'), { place: 1, isFree: true }],
  ['a reader while others read', wait('shared'), row('-7', true, false), { place: 0, isFree: true }],
  ['a reader while somebody writes', wait('shared'), row('-7', false), { place: 0, isFree: false }],
  ['one that was passed over', wait('exclusive'), row('8', false), { place: 0, isFree: true }],
  ['one whose row is gone', wait('exclusive'), null, { place: 0, isFree: true }],
  ['one that waits for a permit', wait('exclusive', true), row('8 7'), { place: 0, isFree: true }],
] as const)('%s', (_, each, at, place) => {
  expect(placeOf(each, at)).toEqual(place)
})

test.each([
  ['the first writer', wait('exclusive'), ['7', '8'], true],
  ['a later writer', wait('exclusive'), ['8', '7'], false],
  ['readers before the first writer', wait('shared'), ['-8', '-7', '9'], true],
  ['a reader behind a writer', wait('shared'), ['9', '-7'], false],
  ['one that is not named', wait('shared'), ['-8'], false],
] as const)('%s is woken: %s', (_, each, waiters, isWoken) => {
  expect(isAmongFirst(each, waiters)).toBe(isWoken)
})
