import { expect, test } from 'vitest'
import { hasTimeForQueue, QueuePolicy, wasShortEnough } from '../../../../src/lock/contention/queue-policy.js'

test('processes queue for a key while others want it, and for two seconds more', () => {
  const place = new QueuePolicy(3)
  expect(place.isBusy(0)).toBe(false)

  place.seen(0)
  expect([place.isBusy(0), place.isBusy(1999), place.isBusy(2000)]).toEqual([true, true, false])

  place.ended('come', 5000)
  expect([place.isBusy(6999), place.isBusy(7000)]).toEqual([true, false])
})

test('this many free turns in a row mean that no other process wants it', () => {
  const place = new QueuePolicy(3)
  place.seen(0)
  for (const end of ['free', 'free', 'come', 'free', 'free'] as const) {
    place.ended(end, 10)
    expect(place.isBusy(10), end).toBe(true)
  }
  place.ended('free', 10)
  expect(place.isBusy(10)).toBe(false)
})

test('after four seconds of lost places no place is taken for five seconds', () => {
  const place = new QueuePolicy(3)
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

test('a reader for whom there is no room does not queue for two seconds', () => {
  const place = new QueuePolicy(3)
  place.seen(0)
  place.ended('noRoom', 10)
  place.seen(2000)
  expect([place.isBusy(2009), place.isBusy(2010)]).toEqual([false, true])
})

test('where others listen in two cycles, the next two begin with a break', () => {
  const place = new QueuePolicy(3)
  expect(place.msUntilBreak(2499)).toBe(Infinity)

  place.othersListen(2000)
  expect(place.msUntilBreak(2000), 'they may all have begun just now').toBe(Infinity)
  place.othersListen(4400)
  place.othersListen(4500)
  expect(place.msUntilBreak(4500)).toBe(500)
  expect([4999, 5000, 5249, 5250].map((wall) => place.msUntilBreak(wall))).toEqual([1, 0, 0, 2250])
  expect([7499, 7500, 7749, 7750].map((wall) => place.msUntilBreak(wall))).toEqual([1, 0, 0, Infinity])
})

test('signs with two cycles in between do not count', () => {
  const place = new QueuePolicy(3)
  for (const wall of [2000, 9900]) place.othersListen(wall)
  expect(place.msUntilBreak(9900)).toBe(Infinity)
})

test('a cycle that others were found to listen in is not its own break', () => {
  const place = new QueuePolicy(3)
  for (const wall of [2000, 4500]) place.othersListen(wall)
  expect(place.msUntilBreak(2500)).toBe(2500)
})

test('a process that listens in or soon after a break may have caused it: that is no reason for another break', () => {
  const place = new QueuePolicy(3)
  place.othersListen(4500)
  for (const wall of [5000, 5249, 6749]) place.othersListen(wall)
  expect(place.msUntilBreak(6749)).toBe(Infinity)
  place.othersListen(6750)
  expect(place.msUntilBreak(6750)).toBe(750)
})

test('a process that has waited in the queue goes back to it for two seconds, without another lost race', () => {
  const place = new QueuePolicy(3)
  expect(place.queuedLately(0)).toBe(false)

  place.ended('late', 1000)
  expect([place.queuedLately(2999), place.queuedLately(3000)]).toEqual([true, false])
})

test('a wait was quick if it took less than two seconds without a poll', () => {
  expect(wasShortEnough('retry', 1999)).toBe(true)
  expect(wasShortEnough('poll', 5)).toBe(true)
  expect(wasShortEnough('retry', 2000)).toBe(false)
  expect(wasShortEnough('try', 5)).toBe(false)
})

test('a caller without time left does not queue', () => {
  expect([hasTimeForQueue(5), hasTimeForQueue(Infinity), hasTimeForQueue(4.9), hasTimeForQueue(-1)]).toEqual([
    true,
    true,
    false,
    false,
  ])
})

test('an entry that queued when it lost its session queues again with the next one, however long that takes', () => {
  const place = new QueuePolicy(3)
  place.seen(0)
  place.interrupted(1999)
  expect(place.isBusy(60_000)).toBe(false)
  place.resumed(60_000)
  expect([place.isBusy(60_000), place.isBusy(61_999), place.isBusy(62_000)]).toEqual([true, true, false])

  place.resumed(70_000)
  expect(place.isBusy(70_000), 'once').toBe(false)
  place.interrupted(70_000)
  place.resumed(70_001)
  expect(place.isBusy(70_001), 'it did not queue before').toBe(false)
})

test('waits that an outage made late do not count', () => {
  const place = new QueuePolicy(3)
  place.seen(0)
  place.ended('late', 0)
  place.interrupted(1000)
  place.resumed(5000)
  place.ended('late', 5000)
  expect(place.isBusy(5001)).toBe(true)
})
