import { getEventListeners } from 'node:events'
import { expect, test, vi } from 'vitest'
import { Deadlines, Expiring } from '../../../src/base/deadlines.js'
import { Fifo, type Queueable } from '../../../src/base/fifo.js'
import { Waiter } from '../../../src/base/waiter.js'
import { ManualClock } from '../../../src/testing/manual-clock.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { rejection } from '../../support/fake-world.js'

class Item implements Queueable {
  previous: Queueable | null = null
  next: Queueable | null = null
  queue: object | null = null
  readonly name: number

  constructor(name: number) {
    this.name = name
  }
}

class Alarm extends Expiring {
  readonly expire = vi.fn()
}

class Caller extends Waiter<string> {
  readonly leaving = vi.fn()
  protected override outOfTime(): void {
    this.refuse(new Error('too late'))
  }
  protected override gone(value: string | undefined): void {
    this.leaving(value)
  }
}

test('a queue behaves like an array, whichever element leaves from wherever it is', () => {
  const random = new SeededRandom(1)
  const queue = new Fifo<Item>()
  const model: Item[] = []
  for (let step = 0; step < 5000; step++) {
    if (model.length < 5 || random.chance(0.5)) {
      const item = new Item(step)
      queue.add(item)
      model.push(item)
    } else {
      const [item] = model.splice(random.below(model.length), 1)
      expect(queue.remove(item!)).toBe(true)
      expect(queue.remove(item!)).toBe(false)
    }
    expect(queue.size).toBe(model.length)
    expect(queue.first).toBe(model[0] ?? null)
    if (step % 100 === 0) expect([...queue]).toEqual(model)
  }
})

test('the current one may leave during a walk', () => {
  const queue = new Fifo<Item>()
  for (let i = 0; i < 5; i++) queue.add(new Item(i))

  const seen: number[] = []
  for (const item of queue) {
    seen.push(item.name)
    queue.remove(item)
  }

  expect(seen).toEqual([0, 1, 2, 3, 4])
  expect(queue.size).toBe(0)
})

test('an item is in one queue at a time', () => {
  const [here, there] = [new Fifo<Item>(), new Fifo<Item>()]
  const item = new Item(1)
  here.add(item)

  expect(there.remove(item)).toBe(false)
  expect(here.size).toBe(1)
})

test('deadlines fall due at their time, whatever their lengths and order, and few timers are armed', () => {
  const clock = new ManualClock()
  const deadlines = new Deadlines(clock)
  const alarms = [300, 100, 200, 100, 300].map((delayMs) => {
    const alarm = new Alarm()
    deadlines.add(delayMs, alarm)
    return { alarm, delayMs }
  })
  expect(clock.armed).toBe(3)

  for (let ms = 1; ms <= 300; ms++) {
    clock.advance(1)
    for (const { alarm, delayMs } of alarms) expect(alarm.expire).toHaveBeenCalledTimes(ms >= delayMs ? 1 : 0)
  }

  expect(clock.armed).toBe(0)
})

test('a deadline that is called off does not fall due, and the last one takes its timer with it', () => {
  const clock = new ManualClock()
  const deadlines = new Deadlines(clock)
  const alarms = Array.from({ length: 1000 }, () => new Alarm())
  for (const alarm of alarms) {
    deadlines.add(100, alarm)
    clock.advance(0.01)
  }
  const kept = alarms.filter((_, i) => i % 10 === 0)
  for (const alarm of alarms) if (!kept.includes(alarm)) deadlines.remove(alarm)

  clock.advance(200)

  expect(alarms.filter((alarm) => alarm.expire.mock.calls.length === 1)).toEqual(kept)
  const last = new Alarm()
  deadlines.add(100, last)
  deadlines.remove(last)
  deadlines.remove(last)
  expect(clock.armed).toBe(0)
})

test('an expiring waiter may cancel others, and may ask for more time', () => {
  const clock = new ManualClock()
  const deadlines = new Deadlines(clock)
  const [first, second, third] = [new Alarm(), new Alarm(), new Alarm()]
  first.expire.mockImplementation(() => deadlines.remove(second))
  third.expire.mockImplementationOnce(() => deadlines.add(100, third))
  for (const alarm of [first, second, third]) deadlines.add(100, alarm)

  clock.advance(100)
  expect(second.expire).not.toHaveBeenCalled()
  clock.advance(100)

  expect(third.expire).toHaveBeenCalledTimes(2)
  expect(clock.armed).toBe(0)
})

test('a waiter leaves once: a second attempt to serve it fails', async () => {
  const clock = new ManualClock()
  const deadlines = new Deadlines(clock)
  const served = new Caller(deadlines, 100, undefined, 0)
  const late = new Caller(deadlines, 100, undefined, 0)
  const outcome = rejection(late.promise)

  expect(served.offer('yours')).toBe(true)
  clock.advance(100)

  expect(await served.promise).toBe('yours')
  expect(await outcome).toMatchObject({ message: 'too late' })
  expect(late.offer('yours')).toBe(false)
  expect(served.refuse(new Error('no'))).toBe(false)
  expect(served.leaving.mock.calls).toEqual([['yours']])
  expect(late.leaving.mock.calls).toEqual([[undefined]])
  expect(clock.armed).toBe(0)
})

test('an abort counts until the waiter has left, and no listener stays', async () => {
  const deadlines = new Deadlines(new ManualClock())
  const controller = new AbortController()
  const served = new Caller(deadlines, Infinity, controller.signal, 0)
  const aborted = new Caller(deadlines, Infinity, controller.signal, 0)
  const outcome = rejection(aborted.promise)
  served.offer('yours')

  controller.abort('enough')

  expect(await outcome).toBe('enough')
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
})
