import { expect, test } from 'vitest'
import { hasTimeForLine, PlaceInLine, wasQuick } from '../../../../src/lock/contention/place-in-line.js'

test('a key is one to stand in line for while others want it, and for two seconds more', () => {
  const place = new PlaceInLine(3)
  expect(place.isBusy(0)).toBe(false)

  place.seen(0)
  expect([place.isBusy(0), place.isBusy(1999), place.isBusy(2000)]).toEqual([true, true, false])

  place.ended('come', 5000)
  expect([place.isBusy(6999), place.isBusy(7000)]).toEqual([true, false])
})

test('so many turns in a row that were had at once say that nobody else wants it', () => {
  const place = new PlaceInLine(3)
  place.seen(0)
  for (const end of ['free', 'free', 'come', 'free', 'free'] as const) {
    place.ended(end, 10)
    expect(place.isBusy(10), end).toBe(true)
  }
  place.ended('free', 10)
  expect(place.isBusy(10)).toBe(false)
})

test('places that are lost for four seconds are not taken any more for five', () => {
  const place = new PlaceInLine(3)
  const lose = (now: number): void => {
    place.seen(now)
    place.ended('late', now)
  }
  lose(0)
  lose(3999)
  expect(place.isBusy(3999)).toBe(true)
  place.ended('come', 4000)
  lose(5000)
  lose(8999)
  expect(place.isBusy(8999), 'there was a turn in between').toBe(true)
  lose(9000)
  place.seen(13_999)
  expect(place.isBusy(13_999)).toBe(false)
  place.seen(14_000)
  expect(place.isBusy(14_000)).toBe(true)

  lose(14_000)
  expect(place.isBusy(14_000), 'the count begins anew').toBe(true)
})

test('where others only listen, nobody stands in line for a quarter of a second out of one and a quarter', () => {
  const place = new PlaceInLine(3)
  const released = (now: number): boolean => {
    place.seen(now)
    place.othersListen(now)
    return place.isBusy(now)
  }
  expect([released(0), released(600), released(999)]).toEqual([true, true, true])
  expect(released(1000)).toBe(false)
  expect([released(1249), released(1250)]).toEqual([false, true])
  expect([released(1300), released(2248)]).toEqual([true, true])
  expect(released(2249), 'counted from the break').toBe(false)
})

test('others who were not heard of for a second have gone', () => {
  const place = new PlaceInLine(3)
  place.seen(0)
  place.othersListen(0)
  place.othersListen(1001)
  place.seen(1900)
  place.othersListen(1900)
  expect(place.isBusy(1900)).toBe(true)
  place.othersListen(2001)
  expect(place.isBusy(2001)).toBe(false)
})

test('a wait was quick if it was slept through, and for less than two seconds', () => {
  expect(wasQuick('retry', 1999)).toBe(true)
  expect(wasQuick('poll', 5)).toBe(true)
  expect(wasQuick('retry', 2000)).toBe(false)
  expect(wasQuick('try', 5)).toBe(false)
})

test('who has no time left does not stand in line', () => {
  expect([hasTimeForLine(5), hasTimeForLine(Infinity), hasTimeForLine(4.9), hasTimeForLine(-1)]).toEqual([
    true,
    true,
    false,
    false,
  ])
})
