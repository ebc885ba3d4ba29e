import { expect, test } from 'vitest'
import type { Turn } from '../../../../src/dialect/dialect.js'
import { PlaceInLine, wasQuick } from '../../../../src/lock/contention/place-in-line.js'
import { ManualClock, settle } from '../../../../src/testing/manual-clock.js'

const KEY = { id: 'orders' }

/** A place in a line that answers what it is told to. */
function placeIn(maxLate = 4): {
  place: PlaceInLine
  clock: ManualClock
  told: boolean[]
  turn: (turn: Turn) => Promise<void>
} {
  const clock = new ManualClock()
  const told: boolean[] = []
  let answer: (turn: Turn) => void = () => undefined
  const line = {
    mayLineUp: () => true,
    impatient: () => undefined,
    lineUp: (): Promise<Turn> => new Promise((resolve) => (answer = resolve)),
  }
  const place = new PlaceInLine({ clock, line }, maxLate, (hasCome) => told.push(hasCome))
  const turn = async (given: Turn): Promise<void> => {
    place.lineUp(KEY)
    answer(given)
    await settle()
  }
  return { place, clock, told, turn }
}

const isBusy = ({ place, clock }: { place: PlaceInLine; clock: ManualClock }): boolean =>
  place.isBusy(clock.now())

test('a key is one to stand in line for while others want it, and for two seconds more', async () => {
  const it = placeIn()
  expect(isBusy(it)).toBe(false)

  it.place.seen(it.clock.now())
  await it.clock.run(1999)
  expect(isBusy(it)).toBe(true)
  await it.clock.run(2)
  expect(isBusy(it)).toBe(false)

  await it.turn('come')
  expect([it.told, it.place.hasCome]).toEqual([[true], true])
  it.place.attempted(true)
  expect([isBusy(it), it.place.hasCome]).toEqual([true, false])
})

test('three turns in a row that are had at once say that nobody else wants it', async () => {
  const it = placeIn()
  it.place.seen(it.clock.now())
  for (const turn of ['free', 'free', 'next', 'free', 'free'] as const) {
    await it.turn(turn)
    it.place.attempted(true)
    expect(isBusy(it), turn).toBe(true)
  }
  await it.turn('free')
  it.place.attempted(true)
  expect(isBusy(it)).toBe(false)
})

test('one that was had by somebody quicker is stood in line for again', async () => {
  const it = placeIn()
  for (let i = 0; i < 10; i++) {
    await it.turn('free')
    it.place.attempted(false)
    expect(isBusy(it)).toBe(true)
  }
})

test('while readers have it, it is waited for in another way, and if they have it often, for five seconds', async () => {
  const it = placeIn()
  for (let i = 0; i < 3; i++) {
    it.place.seen(it.clock.now())
    await it.turn('read')
    expect([it.told.at(-1), it.place.hasCome, isBusy(it)]).toEqual([false, false, false])
    if (i === 0) it.place.attempted(true)
    else it.place.end()
    // An attempt that no turn led to says nothing of the line.
    expect(isBusy(it)).toBe(i < 2)
  }
  await it.clock.run(4999)
  it.place.seen(it.clock.now())
  expect(isBusy(it)).toBe(false)
  await it.clock.run(1)
  expect(isBusy(it)).toBe(true)
})

test('places that are lost again and again are not taken any more for a while', async () => {
  const it = placeIn(2)
  it.place.seen(it.clock.now())
  await it.turn('late')
  expect(isBusy(it)).toBe(true)
  await it.turn('come')
  it.place.attempted(true)
  await it.turn('late')
  expect(isBusy(it), 'one in a row').toBe(true)
  await it.turn('late')
  expect([it.told, isBusy(it)]).toEqual([[false, true, false, false], false])
})

test('who has stepped out is told nothing', async () => {
  const it = placeIn()
  const waiting = it.turn('come')
  it.place.stepOut()
  await waiting
  expect([it.told, it.place.hasCome]).toEqual([[], false])
})

test('a wait was quick if it was slept through, and for less than two seconds', () => {
  expect(wasQuick('retry', 1999)).toBe(true)
  expect(wasQuick('poll', 5)).toBe(true)
  expect(wasQuick('retry', 2000)).toBe(false)
  expect(wasQuick('try', 5)).toBe(false)
})
