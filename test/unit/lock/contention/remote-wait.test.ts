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

  test('who gives way looks after 5 ms, as if the bell had rung', () => {
    const { clock, awoken, sleep } = sleeper()
    sleep.yield()
    clock.advance(4.9)
    expect(awoken).not.toHaveBeenCalled()
    clock.advance(0.1)
    expect(sleep.wake).toBe('woken')
    sleep.end()
  })

  test('a bell that rings during an attempt is heard when it has failed, and not after the next', () => {
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

  test('those who have claimed the next turn go first, a little apart', () => {
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

  test('claims of those who did not come are dropped, and a stranger can not make us remember without end', () => {
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

  test('a claim that is on its way to all processes is made anew, one that has come is not', () => {
    const { sleep } = sleeper()
    const claim = vi.fn()
    sleep.ticketReceived('other')
    sleep.lostRace(claim)
    sleep.lostRace(claim)
    expect(claim).toHaveBeenCalledTimes(2)
  })

  test('where interest can not be set, it looks soon, then less and less often, until it can', () => {
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

  test('who gives way to others that ring has not waited in vain, and then waits for the poll', () => {
    const { clock, awoken, sleep } = sleeper()
    expect(sleep.yieldedInVain).toBe(false)
    sleep.yield()
    clock.advance(1)
    sleep.woken('other', true)
    expect([awoken.mock.calls.length, sleep.wake, sleep.yieldedInVain]).toEqual([1, 'woken', false])

    clock.advance(48)
    expect(awoken, 'nothing comes 5 ms after').toHaveBeenCalledTimes(1)
    clock.advance(2)
    expect([awoken.mock.calls.length, sleep.wake, sleep.yieldedInVain]).toEqual([2, 'poll', false])
    sleep.end()
  })

  test('who gives way and hears nothing has waited in vain, until something new happens', () => {
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
      expect(sleep.yieldedInVain).toBe(true)
      happens(sleep)
      expect(sleep.yieldedInVain).toBe(false)
      sleep.end()
    }
  })

  test('a bell that is heard later is no end to the poll of who has not given way', () => {
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

  test('a bell that rings while others are let go first begins that time anew', () => {
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

  test('at most four are let go first', () => {
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

  test('who has had its turn claims the next as everybody does, behind the others', () => {
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
