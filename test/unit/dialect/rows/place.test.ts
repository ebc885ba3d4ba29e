import { expect, test } from 'vitest'
import { encodeKey } from '../../../../src/dialect/postgres/keys/key.js'
import { isGivenTo, placeOf, type PlaceRow } from '../../../../src/dialect/rows/place.js'
import type { Wait } from '../../../../src/dialect/rows/waits.js'

const wait = (mode: 'exclusive' | 'shared', isSemaphore = false): Wait => ({
  key: encodeKey(1n, ''),
  memberId: '7',
  mode,
  isSemaphore,
  since: 1024n,
  before: null,
  given: null,
  passToken: null,
  isWoken: false,
})
const row = (waiters: string, is_unowned = true, is_unread = true): PlaceRow => ({
  key: '1',
  token: '1024',
  is_unowned,
  is_unread,
  owner: null,
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
  [
    'one that was given it, and stands behind others as well',
    wait('exclusive'),
    { ...row('8 7', false), owner: '7' },
    { place: 0, isFree: true },
  ],
  ['one that waits for a permit', wait('exclusive', true), row('8 7'), { place: 0, isFree: true }],
] as const)('%s', (_, each, at, place) => {
  expect(placeOf(each, at)).toEqual(place)
})

const owned = (owner: string, token: string): PlaceRow => ({ ...row('8', false), owner, token })

test.each([
  ['the member that the row names', wait('exclusive'), owned('7', '2048'), true],
  ['another one', wait('exclusive'), owned('9', '2048'), false],
  [
    'a hold of before it began to wait, on a server that is behind',
    wait('exclusive'),
    owned('7', '1024'),
    false,
  ],
  ['a reader, who comes for it', wait('shared'), owned('7', '2048'), false],
  ['one that waits for a permit', wait('exclusive', true), owned('7', '2048'), false],
  [
    'one of whom it is not known since when it waits',
    { ...wait('exclusive'), since: null },
    owned('7', '2048'),
    false,
  ],
] as const)('a lock is given to %s', (_, each, at, isGiven) => {
  expect(isGivenTo(each, at)).toBe(isGiven)
})

test('a writer that owns the row and stands among the waiters as well has to ask', () => {
  const given = { ...row('8', false), owner: '7', token: '2048' }
  expect(isGivenTo(wait('exclusive'), given)).toBe(true)
  expect(isGivenTo(wait('exclusive'), { ...given, waiters: '8 7' })).toBe(false)
})
