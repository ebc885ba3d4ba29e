import { describe, expect, test, vi } from 'vitest'
import { RemoteWait } from '../../../../src/lock/contention/remote-wait.js'
import { ManualClock } from '../../../../src/testing/manual-clock.js'

describe('sleeping', () => {
  const sleeper = () => {
    const clock = new ManualClock()
    const awoken = vi.fn()
    return {
      clock,
      awoken,
      sleep: new RemoteWait({ clock, random: { next: () => 0 }, sender: 'me' }, awoken),
    }
  }

  test('the poll comes after 50 ms, then less and less often', () => {
    const { clock, awoken, sleep } = sleeper()
    const at: number[] = []
    awoken.mockImplementation(() => {
      at.push(clock.now())
      expect(sleep.wake).toBe('poll')
      sleep.attempt()
      sleep.wait()
    })

    sleep.wait()
    clock.advance(5000)
    sleep.end()

    expect(at).toEqual([50, 150, 350, 750, 1550, 2350, 3150, 3950, 4750])
    expect(clock.armed).toBe(0)
  })

  test('a process that yields tries after 5 ms, as after a wake-up', () => {
    const { clock, awoken, sleep } = sleeper()
    sleep.yield()
    clock.advance(4.9)
    expect(awoken).not.toHaveBeenCalled()
    clock.advance(0.1)
    expect(sleep.wake).toBe('woken')
    sleep.end()
  })

  test('a wake-up during an attempt counts when that attempt fails, not after the next', () => {
    const { sleep } = sleeper()
    sleep.attempt()
    sleep.woken('other', false)
    expect(sleep.wake).toBe('no')
    sleep.wait()
    expect(sleep.wake).toBe('woken')
    sleep.attempt()
    sleep.wait()
    expect(sleep.wake).toBe('no')
    sleep.end()
  })

  test('processes with tickets for the next turn go first, a little apart', () => {
    const { clock, awoken, sleep } = sleeper()
    sleep.ticketReceived('first')
    sleep.ticketReceived('second')
    sleep.ticketReceived('first')

    sleep.woken('stranger', true)
    clock.advance(3.9)
    expect(awoken).not.toHaveBeenCalled()
    clock.advance(0.1)
    expect(awoken).toHaveBeenCalledTimes(1)

    sleep.ticketReceived('me')
    sleep.woken('first', true)
    clock.advance(2)
    expect(awoken).toHaveBeenCalledTimes(2)
    sleep.woken('second', true)
    expect(awoken).toHaveBeenCalledTimes(3)
  })

  test('tickets of processes that did not come are dropped, and forged tickets are limited', () => {
    const { clock, awoken, sleep } = sleeper()
    sleep.ticketReceived('dead')
    sleep.woken('other', true)
    clock.advance(2)

    sleep.end()
    sleep.woken('other', true)
    expect(awoken).toHaveBeenCalledTimes(2)

    for (let i = 0; i < 10_000; i++) sleep.ticketReceived(`stranger ${i}`)
    sleep.woken('other', true)
    clock.advance(2 * 64)
    expect(awoken).toHaveBeenCalledTimes(3)
  })

  test('a lost race is claimed once', () => {
    const { sleep } = sleeper()
    const claim = vi.fn()
    sleep.lostRace(claim)
    sleep.ticketReceived('me')
    sleep.lostRace(claim)

    expect(claim).toHaveBeenCalledTimes(1)
  })

  test('a claim that is still on its way is sent again, and one that has arrived is not', () => {
    const { sleep } = sleeper()
    const claim = vi.fn()
    sleep.ticketReceived('other')
    sleep.lostRace(claim)
    sleep.lostRace(claim)
    expect(claim).toHaveBeenCalledTimes(2)
  })

  test('if a registration cannot be set, it polls soon, then less and less often, until it can', () => {
    const { clock, awoken, sleep } = sleeper()
    const waitsMs = (): number => {
      const since = clock.now()
      const before = awoken.mock.calls.length
      while (awoken.mock.calls.length === before) clock.advance(1)
      expect(sleep.wake).toBe('poll')
      sleep.attempt()
      return clock.now() - since
    }
    const crowded = [1, 2, 3, 4, 5, 6, 7].map(() => (sleep.waitCrowded(), waitsMs()))
    expect(crowded).toEqual([1, 4, 16, 64, 256, 800, 800])

    sleep.wait()
    expect(waitsMs()).toBe(50)
    sleep.waitCrowded()
    expect(waitsMs()).toBe(1)

    sleep.waitCrowded()
    sleep.end()
    sleep.waitCrowded()
    expect(waitsMs(), 'the next wait begins anew').toBe(1)
    sleep.wait()
    expect(waitsMs()).toBe(50)
    sleep.end()
  })

  test('a process that yields and gets a wake-up has yielded with success, and then waits for the poll', () => {
    const { clock, awoken, sleep } = sleeper()
    expect(sleep.wasPrecedenceUnused).toBe(false)
    sleep.yield()
    clock.advance(1)
    sleep.woken('other', true)
    expect([awoken.mock.calls.length, sleep.wake, sleep.wasPrecedenceUnused]).toEqual([1, 'woken', false])

    clock.advance(48)
    expect(awoken, 'nothing comes 5 ms after').toHaveBeenCalledTimes(1)
    clock.advance(2)
    expect([awoken.mock.calls.length, sleep.wake, sleep.wasPrecedenceUnused]).toEqual([2, 'poll', false])
    sleep.end()
  })

  test('a process that yields and gets no wake-up has yielded without success, until something new happens', () => {
    const news: ((sleep: RemoteWait) => void)[] = [
      (sleep) => sleep.wait(),
      (sleep) => sleep.yield(),
      (sleep) => sleep.end(),
      (sleep) => sleep.woken('other', true),
      (sleep) => sleep.woken('other', false),
    ]
    for (const happens of news) {
      const { clock, sleep } = sleeper()
      sleep.yield()
      clock.advance(5)
      sleep.attempt()
      expect(sleep.wasPrecedenceUnused).toBe(true)
      happens(sleep)
      expect(sleep.wasPrecedenceUnused).toBe(false)
      sleep.end()
    }
  })

  test('a later wake-up does not cancel the poll of a process that has not yielded', () => {
    const { clock, awoken, sleep } = sleeper()
    sleep.wait()
    clock.advance(40)
    sleep.ticketReceived('other')
    sleep.woken('stranger', true)
    clock.advance(2)
    expect([awoken.mock.calls.length, sleep.wake]).toEqual([1, 'woken'])
    clock.advance(8)
    expect([awoken.mock.calls.length, sleep.wake]).toEqual([2, 'poll'])
    sleep.end()
  })

  test('a wake-up while this process yields restarts the time that it yields', () => {
    const { clock, awoken, sleep } = sleeper()
    sleep.ticketReceived('other')
    sleep.woken('stranger', true)
    clock.advance(1.5)
    sleep.woken('stranger', true)
    clock.advance(1.9)
    expect(awoken).not.toHaveBeenCalled()
    clock.advance(0.1)
    expect(awoken).toHaveBeenCalledTimes(1)
    clock.advance(10)
    expect(awoken).toHaveBeenCalledTimes(1)
    sleep.end()
    expect(clock.armed).toBe(0)
  })

  test('at most four processes have precedence', () => {
    const { clock, awoken, sleep } = sleeper()
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) sleep.ticketReceived(name)
    sleep.woken('stranger', true)
    clock.advance(7.9)
    expect(awoken).not.toHaveBeenCalled()
    clock.advance(0.1)
    expect(awoken).toHaveBeenCalledTimes(1)
  })

  test('no more than 64 claims are remembered', () => {
    const { sleep } = sleeper()
    const claim = vi.fn()
    for (let i = 0; i < 63; i++) sleep.ticketReceived(`stranger ${i}`)
    sleep.ticketReceived('me')
    sleep.lostRace(claim)
    expect(claim, 'the last of them is known').not.toHaveBeenCalled()
    sleep.end()
    sleep.ticketReceived('one more')
    sleep.ticketReceived('me')
    sleep.lostRace(claim)
    expect(claim).toHaveBeenCalledTimes(1)
  })

  test('a process that has had its turn announces a ticket like any other, behind the others', () => {
    const { clock, awoken, sleep } = sleeper()
    sleep.ticketReceived('me')
    sleep.ticketReceived('other')
    sleep.end()
    sleep.ticketReceived('me')
    sleep.woken('stranger', true)
    expect(awoken, 'the other goes first').not.toHaveBeenCalled()
    clock.advance(2)
    expect(awoken).toHaveBeenCalledTimes(1)
    sleep.end()
  })
})
