import { expect, test } from 'vitest'
import { OtherProcesses } from '../../../../src/lock/contention/other-processes.js'

/** Other processes that are known to want the key. */
function wanting(): OtherProcesses {
  const others = new OtherProcesses()
  others.notified(true)
  return others
}

test('a wake-up follows a release at once only if another process was waiting the last time', () => {
  const others = new OtherProcesses()
  expect(others.notifiesWithRelease(0)).toBe(false)
  expect(others.wakeUpState).toBe('unsent')

  others.notified(true)
  expect(others.wakeUpState, 'that was no ring sent behind a release').toBe('unsent')
  expect(others.notifiesWithRelease(0)).toBe(true)
  expect(others.wakeUpState).toBe('sent')

  others.notified(false)
  expect(others.wakeUpState).toBe('answered')
  expect(others.notifiesWithRelease(0)).toBe(false)
  expect(others.wakeUpState).toBe('unsent')
})

test('other waiting processes have precedence for five milliseconds', () => {
  const others = wanting()
  expect(others.havePrecedence(100)).toBe(false)
  others.yieldAfterRelease(100)
  expect([others.havePrecedence(100), others.havePrecedence(104.9), others.havePrecedence(105)]).toEqual([
    true,
    true,
    false,
  ])
})

test('no process gets precedence if none was waiting', () => {
  const others = new OtherProcesses()
  others.yieldAfterRelease(100)
  expect(others.havePrecedence(100)).toBe(false)

  const left = wanting()
  left.yieldAfterRelease(100)
  left.notified(false)
  left.yieldAfterRelease(100)
  expect(left.havePrecedence(100)).toBe(false)
})

test('processes in the server queue have precedence as well, until they are known to be gone', () => {
  const others = new OtherProcesses()
  others.yieldToServerQueue(100)
  expect([others.havePrecedence(100), others.havePrecedence(104.9), others.havePrecedence(105)]).toEqual([
    true,
    true,
    false,
  ])

  others.yieldToServerQueue(200)
  others.stopYielding()
  expect(others.havePrecedence(200)).toBe(false)
})

test('after nine wake-ups without a taker they are doubted for a tenth of a second: no wake-up, no precedence', () => {
  const others = wanting()
  for (let i = 0; i < 8; i++) others.didNotCome(0)
  expect([others.areDoubted(0), others.notifiesWithRelease(0)]).toEqual([false, true])

  others.didNotCome(0)
  others.yieldAfterRelease(0)
  expect([others.areDoubted(0), others.notifiesWithRelease(0), others.havePrecedence(0)]).toEqual([
    true,
    false,
    false,
  ])
  expect([others.areDoubted(99), others.areDoubted(100)]).toEqual([true, false])
})

test('a process that comes is trusted again', () => {
  const others = wanting()
  for (let i = 0; i < 9; i++) others.didNotCome(0)
  others.came()
  expect([others.areDoubted(0), others.notifiesWithRelease(0)]).toEqual([false, true])
  for (let i = 0; i < 8; i++) others.didNotCome(0)
  expect(others.areDoubted(0), 'counted anew').toBe(false)
})
