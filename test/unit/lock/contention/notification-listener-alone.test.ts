/** The listener alone: when it takes a connection, what it receives, and when it checks the connection in. */
import { expect, test } from 'vitest'
import type { NotificationHandlers } from '../../../../src/dialect/dialect.js'
import { Agenda } from '../../../../src/lock/agenda/agenda.js'
import { NotificationListener } from '../../../../src/lock/contention/notification-listener.js'
import { ManualClock, settle } from '../../../../src/testing/manual-clock.js'

function listenerOf(max = 2) {
  const clock = new ManualClock()
  const seen: unknown[] = []
  const pool = { idleCount: 1, totalCount: 2, isClosed: false, wanted: [] as (() => boolean)[], connects: 0 }
  const answers = { check: () => Promise.resolve() }
  const handlers: NotificationHandlers[] = []
  const connect = (options: { reserved: boolean; onWanted: () => boolean }): Promise<object> => {
    pool.connects++
    pool.wanted.push(options.onWanted)
    const id = pool.connects
    return Promise.resolve({ id, release: (error?: unknown) => seen.push(['back', id, error === undefined]) })
  }
  const dialect = {
    listen: (_: object, given: NotificationHandlers) => {
      handlers.push(given)
      return Promise.resolve({
        check: () => answers.check(),
        receivePublic: (strangers: boolean) => (seen.push(['receivePublic', strangers]), Promise.resolve()),
        stop: () => Promise.resolve(),
      })
    },
  }
  const host = {
    agenda: new Agenda(),
    woken: (...of: string[]) => seen.push(['woken', ...of]),
    ticketReceived: (...of: string[]) => seen.push(['ticketReceived', ...of]),
    messageReceived: (...of: string[]) => seen.push(['messageReceived', ...of]),
    listening: () => seen.push('listening'),
    warn: (message: string) => seen.push(`warning: ${message}`),
  }
  const listener = new NotificationListener({ ...pool, connect } as never, max, dialect as never, clock, host)
  return { listener, clock, seen, pool, answers, handlers }
}

test('a connection that is requested back before it has arrived is not checked in, and nothing fails', async () => {
  const { listener, pool } = listenerOf()
  listener.addWaiter()
  for (let tick = 0; pool.wanted.length === 0 && tick < 10; tick++) await Promise.resolve()

  expect(pool.wanted[0]!()).toBe(false)
  await settle()
  expect(listener.state).toBe('listening')
})

test('it listens while a caller waits, receives all notifications, and lingers a little', async () => {
  const { listener, clock, seen, pool, handlers } = listenerOf()
  listener.addWaiter()
  listener.addWaiter()
  await settle()
  expect([listener.state, pool.connects, seen]).toEqual(['listening', 1, ['listening']])
  handlers[0]!.onWakeUp('k', 'a')
  handlers[0]!.onTicket('k', 'b')
  handlers[0]!.onMessage('news', 'c')
  expect(seen.slice(1)).toEqual([
    ['woken', 'k', 'a'],
    ['ticketReceived', 'k', 'b'],
    ['messageReceived', 'news', 'c'],
  ])

  listener.removeWaiter()
  await clock.run(200_000)
  expect(listener.state, 'one still sleeps').toBe('listening')
  listener.removeWaiter()
  expect(listener.state).toBe('listening')
  await clock.run(200_000)
  expect([listener.state, seen.at(-1), clock.armed]).toEqual(['off', ['back', 1, true], 0])
})

test('with one connection for everything the listener takes none', async () => {
  const { listener, clock, pool } = listenerOf(1)
  listener.addWaiter()
  await settle()
  expect([listener.state, pool.connects, clock.armed]).toEqual(['polling', 0, 1])
  listener.removeWaiter()
  expect([listener.state, clock.armed]).toEqual(['off', 0])
})

test('a caller that wants the connection gets it, and another attempt follows while callers wait', async () => {
  const { listener, clock, seen, pool } = listenerOf()
  listener.addWaiter()
  await settle()
  expect(pool.wanted[0]!()).toBe(true)
  await settle()
  expect([listener.state, seen.at(-1)]).toEqual(['polling', ['back', 1, true]])
  expect(pool.wanted[0]!(), 'it has it no more').toBe(false)
  await clock.run(60_000)
  expect([listener.state, pool.connects]).toEqual(['listening', 2])
  expect(pool.wanted[0]!(), 'nor another').toBe(false)

  listener.removeWaiter()
  expect(pool.wanted[1]!()).toBe(true)
  await clock.run(60_000)
  expect([listener.state, pool.connects, clock.armed]).toEqual(['polling', 2, 0])
})

test('the listener tries again after an end if a process waits, and not otherwise', async () => {
  const { listener, clock, handlers, pool } = listenerOf()
  listener.addWaiter()
  await settle()
  handlers[0]!.onEnd(new Error('gone'))
  handlers[0]!.onEnd(new Error('again'))
  expect(listener.state).toBe('polling')
  await clock.run(60_000)
  expect([listener.state, pool.connects]).toEqual(['listening', 2])
  handlers[0]!.onEnd(new Error('late'))
  expect(listener.state, 'it is about another').toBe('listening')

  listener.removeWaiter()
  handlers[1]!.onEnd(new Error('gone'))
  await clock.run(60_000)
  expect([listener.state, pool.connects, clock.armed]).toEqual(['off', 2, 0])
})

test('a check without an answer makes it poll, with one warning', async () => {
  const { listener, clock, answers, seen } = listenerOf()
  listener.addWaiter()
  await settle()
  answers.check = () => Promise.reject(new Error('silence'))
  for (let i = 0; i < 200 && listener.state === 'listening'; i++) await clock.run(500)
  expect(listener.state).toBe('polling')
  expect(seen.filter((each) => String(each).startsWith('warning'))).toHaveLength(1)
  answers.check = () => Promise.resolve()
  listener.removeWaiter()
  await listener.close()
  expect(clock.armed).toBe(0)
})

test('a flooded channel is ignored for half a minute, and then counted again', async () => {
  const { listener, clock, handlers, seen } = listenerOf()
  listener.addWaiter()
  await settle()
  for (let i = 0; i < 20_000; i++) handlers[0]!.onPublicMessage()
  await settle()
  expect(seen.slice(1)).toEqual([
    expect.stringMatching(/^warning: the notification channel is flooded/),
    ['receivePublic', false],
  ])
  await clock.run(30_000)
  expect(seen.slice(3)).toEqual([['receivePublic', true], 'listening'])
  await listener.close()
  expect([listener.state, clock.armed]).toEqual(['off', 0])
})

test('after the end no process listens', async () => {
  const { listener, clock, pool } = listenerOf()
  await listener.close()
  listener.addWaiter()
  await settle()
  expect([listener.state, pool.connects, clock.armed]).toEqual(['off', 0, 0])
})
