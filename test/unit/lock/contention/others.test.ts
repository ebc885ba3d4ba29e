import { expect, test } from 'vitest'
import { Others } from '../../../../src/lock/contention/others.js'

/** Other processes that are known to want the key. */
function wanting(): Others {
  const others = new Others()
  others.rang(true)
  return others
}

test('a wake-up follows a release at once only if another process was waiting the last time', () => {
  const others = new Others()
  expect(others.releasing(0)).toBe(false)
  expect(others.ring).toBe('unsent')

  others.rang(true)
  expect(others.ring, 'that was no ring sent behind a release').toBe('unsent')
  expect(others.releasing(0)).toBe(true)
  expect(others.ring).toBe('sent')

  others.rang(false)
  expect(others.ring).toBe('answered')
  expect(others.releasing(0)).toBe(false)
  expect(others.ring).toBe('unsent')
})

test('other waiting processes have precedence for five milliseconds', () => {
  const others = wanting()
  expect(others.goFirst(100)).toBe(false)
  others.letGoFirst(100)
  expect([others.goFirst(100), others.goFirst(104.9), others.goFirst(105)]).toEqual([true, true, false])
})

test('no process gets precedence if none was waiting', () => {
  const others = new Others()
  others.letGoFirst(100)
  expect(others.goFirst(100)).toBe(false)

  const left = wanting()
  left.letGoFirst(100)
  left.rang(false)
  left.letGoFirst(100)
  expect(left.goFirst(100)).toBe(false)
})

test('processes in the server queue have precedence as well, until they are known to be gone', () => {
  const others = new Others()
  others.stoodInLine(100)
  expect([others.goFirst(100), others.goFirst(104.9), others.goFirst(105)]).toEqual([true, true, false])

  others.stoodInLine(200)
  others.forget()
  expect(others.goFirst(200)).toBe(false)
})

test('after nine wake-ups without a taker they are doubted for a tenth of a second: no wake-up, no precedence', () => {
  const others = wanting()
  for (let i = 0; i < 8; i++) others.cameNot(0)
  expect([others.areDoubted(0), others.releasing(0)]).toEqual([false, true])

  others.cameNot(0)
  others.letGoFirst(0)
  expect([others.areDoubted(0), others.releasing(0), others.goFirst(0)]).toEqual([true, false, false])
  expect([others.areDoubted(99), others.areDoubted(100)]).toEqual([true, false])
})

test('a process that comes is trusted again', () => {
  const others = wanting()
  for (let i = 0; i < 9; i++) others.cameNot(0)
  others.came()
  expect([others.areDoubted(0), others.releasing(0)]).toEqual([false, true])
  for (let i = 0; i < 8; i++) others.cameNot(0)
  expect(others.areDoubted(0), 'counted anew').toBe(false)
})
