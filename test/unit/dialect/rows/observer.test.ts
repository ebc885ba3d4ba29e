import { describe, expect, test } from 'vitest'
import { Observer } from '../../../../src/dialect/rows/observer.js'
import { ManualClock } from '../../../../src/testing/manual-clock.js'

const LEASE_MS = 1000

function world(): {
  clock: ManualClock
  observer: Observer
  look: (others: string | null, tookMs?: number) => unknown[]
} {
  const clock = new ManualClock()
  const observer = new Observer(clock)
  const look = (others: string | null, tookMs = 0): unknown[] => {
    const sentAt = clock.now()
    clock.advance(tookMs)
    return observer.saw(others, sentAt)
  }
  return { clock, observer, look }
}

describe('members that may be removed', () => {
  test('a counter that stands still for a lease, from the receipt of one look to the sending of another', () => {
    const { clock, look } = world()
    expect(look(`1:7:${LEASE_MS}:`)).toEqual([])
    clock.advance(LEASE_MS - 1)
    expect(look(`1:7:${LEASE_MS}:`)).toEqual([])
    clock.advance(1)
    expect(look(`1:7:${LEASE_MS}:`)).toEqual([{ id: '1', beat: '7' }])
  })

  test('time that an answer was on its way does not count', () => {
    const { clock, look } = world()
    look(`1:7:${LEASE_MS}:`, 600)
    clock.advance(LEASE_MS - 1)
    // The look was sent before the lease was over, and answered after that.
    expect(look(`1:7:${LEASE_MS}:`, 600)).toEqual([])
  })

  test('a member whose counter changes starts its time again', () => {
    const { clock, look } = world()
    look(`1:7:${LEASE_MS}:`)
    clock.advance(LEASE_MS - 1)
    look(`1:8:${LEASE_MS}:`)
    clock.advance(LEASE_MS - 1)
    expect(look(`1:8:${LEASE_MS}:`)).toEqual([])
  })

  test('each after its own lease', () => {
    const { clock, look } = world()
    const others = `1:7:${LEASE_MS}: 2:3:${LEASE_MS * 10}:`
    look(others)
    clock.advance(LEASE_MS)
    expect(look(others)).toEqual([{ id: '1', beat: '7' }])
  })

  test('an observer that was paused has not seen it stand still until it looks again', () => {
    const { clock, look } = world()
    clock.advance(LEASE_MS * 100)
    expect(look(`1:7:${LEASE_MS}:`)).toEqual([])
  })
})

describe('expired members', () => {
  test('only marked members, and not missing ones', () => {
    const { observer, look } = world()
    look(`1:7:${LEASE_MS}: 2:3:${LEASE_MS}:d`)
    expect(observer.dead).toEqual(['2'])
    look(null)
    expect(observer.dead).toEqual([])
  })

  test('one that no session cleans up is kept after two of its leases', () => {
    const { clock, observer, look } = world()
    look(`2:3:${LEASE_MS}:d`)
    expect(observer.leftOver).toBeNull()
    clock.advance(LEASE_MS * 2)
    look(`2:3:${LEASE_MS}:d`)
    expect(observer.leftOver).toBe('2')
  })
})
