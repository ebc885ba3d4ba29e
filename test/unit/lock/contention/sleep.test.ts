import { describe, expect, test, vi } from 'vitest'
import { Sleep } from '../../../../src/lock/contention/sleep.js'
import { ManualClock } from '../../../../src/testing/manual-clock.js'

describe('sleeping', () => {
  const sleeper = () => {
    const clock = new ManualClock()
    const awoken = vi.fn()
    return { clock, awoken, sleep: new Sleep({ clock, random: { next: () => 0 }, sender: 'me' }, awoken) }
  }

  test('the poll comes after 50 ms, then less and less often', () => {
    const { clock, awoken, sleep } = sleeper()
    const at: number[] = []
    awoken.mockImplementation(() => {
      at.push(clock.now())
      expect(sleep.wake).toBe('poll')
      sleep.attempt()
      sleep.fallAsleep()
    })

    sleep.fallAsleep()
    clock.advance(5000)
    sleep.end()

    expect(at).toEqual([50, 150, 350, 750, 1550, 2350, 3150, 3950, 4750])
    expect(clock.armed).toBe(0)
  })

  test('who gives way looks after 5 ms, as if the bell had rung', () => {
    const { clock, awoken, sleep } = sleeper()
    sleep.giveWay()
    clock.advance(4.9)
    expect(awoken).not.toHaveBeenCalled()
    clock.advance(0.1)
    expect(sleep.wake).toBe('rung')
    sleep.end()
  })

  test('a bell that rings during an attempt is heard when it has failed, and not after the next', () => {
    const { sleep } = sleeper()
    sleep.attempt()
    sleep.rung('other', false)
    expect(sleep.wake).toBe('no')
    sleep.fallAsleep()
    expect(sleep.wake).toBe('rung')
    sleep.attempt()
    sleep.fallAsleep()
    expect(sleep.wake).toBe('no')
    sleep.end()
  })

  test('those who have claimed the next turn go first, a little apart', () => {
    const { clock, awoken, sleep } = sleeper()
    sleep.claimed('first')
    sleep.claimed('second')
    sleep.claimed('first')

    sleep.rung('stranger', true)
    clock.advance(3.9)
    expect(awoken).not.toHaveBeenCalled()
    clock.advance(0.1)
    expect(awoken).toHaveBeenCalledTimes(1)

    sleep.claimed('me')
    sleep.rung('first', true)
    clock.advance(2)
    expect(awoken).toHaveBeenCalledTimes(2)
    sleep.rung('second', true)
    expect(awoken).toHaveBeenCalledTimes(3)
  })

  test('claims of those who did not come are dropped, and a stranger can not make us remember without end', () => {
    const { clock, awoken, sleep } = sleeper()
    sleep.claimed('dead')
    sleep.rung('other', true)
    clock.advance(2)

    sleep.end()
    sleep.rung('other', true)
    expect(awoken).toHaveBeenCalledTimes(2)

    for (let i = 0; i < 10_000; i++) sleep.claimed(`stranger ${i}`)
    sleep.rung('other', true)
    clock.advance(2 * 64)
    expect(awoken).toHaveBeenCalledTimes(3)
  })

  test('a lost race is claimed once', () => {
    const { sleep } = sleeper()
    const claim = vi.fn()
    sleep.lostRace(claim)
    sleep.claimed('me')
    sleep.lostRace(claim)

    expect(claim).toHaveBeenCalledTimes(1)
  })
})
