/** Signals that are not instances of this realm's AbortSignal. */
import { JSDOM } from 'jsdom'
import { expect, test } from 'vitest'
import { isAbortSignal } from '../../../src/base/abort-signal.js'
import { fakeWorld, rejection } from '../../support/fake-world.js'

function foreign(): AbortController {
  const controller = new new JSDOM('').window.AbortController()
  expect(controller.signal).not.toBeInstanceOf(AbortSignal)
  return controller
}

test('a signal of another realm ends any wait', async () => {
  const world = fakeWorld()
  const locks = world.pool()
  const held = await locks.acquire('orders')
  const permit = await locks.semaphore('seats', 1).acquire()
  for (const wait of [
    (signal: AbortSignal) => locks.acquire('orders', { signal }),
    (signal: AbortSignal) => locks.acquireAll(['orders', 'other'], { signal }),
    (signal: AbortSignal) => locks.withLock('orders', { signal }, () => expect.unreachable()),
    (signal: AbortSignal) => locks.semaphore('seats', 1).acquire({ signal }),
  ]) {
    const controller = foreign()
    const outcome = rejection(wait(controller.signal))
    await world.clock.run(20)
    const reason = new Error('the request is gone')
    controller.abort(reason)
    expect(await outcome).toBe(reason)

    expect(await rejection(wait(controller.signal)), 'aborted before').toBe(reason)
  }
  expect(locks.snapshot()).toMatchObject({ held: 2, waiting: 0 })
  await held.release()
  await permit.release()
})

test('an object that only resembles a signal is refused before any request', async () => {
  const nothing = (): void => undefined
  const throwing = {
    get aborted(): boolean {
      throw new Error('not to be read')
    },
    addEventListener: nothing,
    removeEventListener: nothing,
  }
  const world = fakeWorld()
  const locks = world.pool()
  for (const signal of [
    {},
    null,
    5,
    new EventTarget(),
    new AbortController(),
    { aborted: false },
    throwing,
  ] as unknown as AbortSignal[]) {
    expect(isAbortSignal(signal)).toBe(false)
    const errors = await Promise.all([
      rejection(locks.acquire('orders', { signal })),
      rejection(locks.semaphore('seats', 1).acquire({ signal })),
      rejection(locks.connections.connect({ signal })),
      rejection((async () => locks.campaign('leader', { signal }).resign())()),
    ])
    for (const error of errors)
      expect(error).toMatchObject({ code: 'INVALID_OPTION', message: expect.stringMatching(/AbortSignal/) })
  }
  expect(world.server.connections.size).toBe(0)
})
