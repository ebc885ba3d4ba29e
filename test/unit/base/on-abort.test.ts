import { getEventListeners } from 'node:events'
import { expect, test, vi } from 'vitest'
import { keepListening, onAbort } from '../../../src/base/on-abort.js'

test('many waiters on one signal are one listener, and each is informed once', () => {
  const controller = new AbortController()
  const told: number[] = []
  const cancels = Array.from({ length: 20 }, (_, i) => onAbort(controller.signal, () => told.push(i)))

  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1)
  cancels[3]!()
  controller.abort()
  for (const cancel of cancels) cancel()

  expect(told).toEqual(Array.from({ length: 20 }, (_, i) => i).filter((i) => i !== 3))
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
})

test('when the last waiter has gone no listener is left, and a later waiter still works', () => {
  const controller = new AbortController()
  const told: string[] = []
  onAbort(controller.signal, () => told.push('gone'))()
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)

  const stale = onAbort(controller.signal, () => told.push('cancelled'))
  stale()
  onAbort(controller.signal, () => told.push('heard'))
  stale()
  controller.abort()

  expect(told).toEqual(['heard'])
})

test('a signal that serves one wait after the other keeps its listener, which informs the current waiter', () => {
  const controller = new AbortController()
  const told: string[] = []
  keepListening(controller.signal)
  onAbort(controller.signal, () => told.push('gone'))()
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1)

  onAbort(controller.signal, () => told.push('heard'))
  controller.abort()

  expect(told).toEqual(['heard'])
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
})

test('a signal whose methods throw affects no caller: the error is reported like that of a listener', () => {
  const thrown: (() => void)[] = []
  const queued = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation((call) => void thrown.push(call))
  const broken = {
    aborted: false,
    addEventListener: () => {
      throw new Error('no listener')
    },
    removeEventListener: () => {
      throw new Error('none to remove')
    },
  } as unknown as AbortSignal
  try {
    const cancel = onAbort(broken, () => expect.unreachable())
    onAbort(broken, () => expect.unreachable())()
    cancel()
  } finally {
    queued.mockRestore()
  }
  expect(thrown).toHaveLength(2)
  for (const [i, message] of ['no listener', 'none to remove'].entries()) expect(thrown[i]).toThrow(message)
})

test('a signal that calls its listeners with another `this` works', () => {
  const listeners: (() => void)[] = []
  const signal = {
    aborted: false,
    addEventListener: (_: string, listener: () => void) => void listeners.push(listener),
    removeEventListener: (_: string, listener: () => void) =>
      void listeners.splice(listeners.indexOf(listener), 1),
  } as unknown as AbortSignal
  let calls = 0
  onAbort(signal, () => calls++)
  for (const listener of [...listeners]) listener()
  expect(calls).toBe(1)
  expect(listeners).toEqual([])
})
