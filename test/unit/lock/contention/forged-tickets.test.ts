import { describe, expect, test, vi } from 'vitest'
import { RemoteWait } from '../../../../src/lock/contention/remote-wait.js'
import { ManualClock } from '../../../../src/testing/manual-clock.js'

describe('a waiter that receives forged messages', () => {
  const sleeper = () => {
    const clock = new ManualClock()
    const awoken = vi.fn()
    return {
      clock,
      awoken,
      sleep: new RemoteWait({ clock, random: { next: () => 0 }, sender: 'me' }, awoken),
    }
  }

  /** Loses this many races for the key at one moment. */
  const lose = (sleep: RemoteWait, races: number): void => {
    for (let i = 0; i < races; i++) sleep.lostRace(() => undefined)
  }

  /** The waiter yields to a process that has sent a ticket and does not come. */
  const yieldToLiar = (clock: ManualClock, sleep: RemoteWait): void => {
    sleep.ticketReceived('liar')
    sleep.woken('stranger', true)
    clock.advance(2)
    sleep.end()
  }

  test('processes that send tickets and never come lose precedence after eight times', () => {
    const { clock, awoken, sleep } = sleeper()
    for (let i = 0; i < 9; i++) {
      yieldToLiar(clock, sleep)
      expect(awoken).toHaveBeenCalledTimes(i + 1)
    }
    sleep.ticketReceived('liar')
    sleep.woken('stranger', true)
    expect(awoken, 'at once').toHaveBeenCalledTimes(10)
    sleep.end()
  })

  test('a process that claims and comes has precedence again', () => {
    const { clock, awoken, sleep } = sleeper()
    for (let i = 0; i < 8; i++) yieldToLiar(clock, sleep)
    sleep.ticketReceived('honest')
    sleep.woken('stranger', true)
    clock.advance(2)
    lose(sleep, 1)
    for (let i = 0; i < 8; i++) yieldToLiar(clock, sleep)
    const before = awoken.mock.calls.length
    sleep.ticketReceived('honest')
    sleep.woken('stranger', true)
    expect(awoken).toHaveBeenCalledTimes(before)
    sleep.end()
  })

  test('won turns, and races lost without yielding, do not affect processes with tickets', () => {
    const { clock, awoken, sleep } = sleeper()
    for (let i = 0; i < 20; i++) sleep.end()
    for (let i = 0; i < 8; i++) yieldToLiar(clock, sleep)
    lose(sleep, 1)
    yieldToLiar(clock, sleep)
    const before = awoken.mock.calls.length
    sleep.ticketReceived('liar')
    sleep.woken('stranger', true)
    expect(awoken, 'doubted').toHaveBeenCalledTimes(before + 1)
    sleep.end()
  })

  test('after 32 races lost in a row each wake-up without success costs five milliseconds, until the wait is over', () => {
    const { clock, awoken, sleep } = sleeper()
    clock.advance(1000)
    lose(sleep, 32)
    sleep.woken('stranger', true)
    expect(awoken).toHaveBeenCalledTimes(1)
    lose(sleep, 2)
    sleep.woken('stranger', true)
    clock.advance(9.9)
    expect(awoken).toHaveBeenCalledTimes(1)
    clock.advance(0.1)
    expect([awoken.mock.calls.length, sleep.wake]).toEqual([2, 'woken'])

    clock.advance(5)
    lose(sleep, 1)
    sleep.woken('stranger', true)
    expect(awoken, 'paid off as time passes').toHaveBeenCalledTimes(3)
    lose(sleep, 9)
    sleep.end()
    sleep.woken('stranger', true)
    expect(awoken).toHaveBeenCalledTimes(4)
  })

  test('a wake-up during an attempt waits for the debt of earlier ones; a poll does not', () => {
    const { clock, awoken, sleep } = sleeper()
    lose(sleep, 34)
    sleep.attempt()
    sleep.woken('stranger', false)
    sleep.wait()
    expect(sleep.wake).toBe('no')
    clock.advance(9.9)
    expect(awoken).not.toHaveBeenCalled()
    clock.advance(0.1)
    expect([awoken.mock.calls.length, sleep.wake]).toEqual([1, 'woken'])

    lose(sleep, 4)
    sleep.attempt()
    sleep.wakeUp('poll', false)
    sleep.wait()
    expect(sleep.wake).toBe('poll')
    sleep.end()
  })

  test('a due poll and a wake-up during one attempt count as a wake-up, in either order', () => {
    const heard = (...reasons: ('woken' | 'poll')[]): string => {
      const { awoken, sleep } = sleeper()
      sleep.attempt()
      for (const reason of reasons) sleep.wakeUp(reason, false)
      expect(awoken).not.toHaveBeenCalled()
      sleep.wait()
      sleep.end()
      return sleep.wake
    }
    expect([heard('poll'), heard('woken', 'poll'), heard('poll', 'woken')]).toEqual([
      'poll',
      'woken',
      'woken',
    ])
  })

  test('an attempt clears every other reason to check', () => {
    const { clock, awoken, sleep } = sleeper()
    sleep.ticketReceived('other')
    sleep.wait()
    sleep.woken('stranger', true)
    sleep.attempt()
    expect(clock.armed).toBe(0)
    clock.advance(1000)
    expect(awoken).not.toHaveBeenCalled()
    expect(sleep.wake).toBe('no')
  })
})
