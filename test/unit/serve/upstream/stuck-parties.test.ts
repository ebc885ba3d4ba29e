import { describe, expect, test } from 'vitest'
import { cycleThrough, stuckAmong, type Party } from '../../../../src/serve/upstream/stuck-parties.js'

interface What {
  readonly waits?: string | null
  readonly wants?: boolean
  readonly has?: boolean
  readonly holds?: readonly string[]
  readonly blockers?: readonly Party[] | null
}

function party({ waits = null, wants = false, has = false, holds = [], blockers = [] }: What): Party {
  return {
    awaitedLock: waits,
    awaitsUpstream: wants,
    hasUpstream: has,
    blockers,
    holdsLock: (id) => holds.includes(id),
  }
}

const isStuck = (one: Party, all: readonly Party[]): boolean => stuckAmong(all).has(one)

describe('a client that waits for a connection to the upstream', () => {
  const holder = party({ wants: true, holds: ['a'] })

  test('is stuck when the only connection belongs to a borrower that waits for its lock', () => {
    expect(isStuck(holder, [holder, party({ has: true, waits: 'a' })])).toBe(true)
  })

  test('is not when another connection belongs to a borrower that continues', () => {
    expect(isStuck(holder, [holder, party({ has: true, waits: 'a' }), party({ has: true })])).toBe(false)
  })

  test('is not when the lock has no local holder, or one that continues', () => {
    expect(isStuck(holder, [holder, party({ has: true, waits: 'elsewhere' })])).toBe(false)
    const busy = party({ holds: ['b'] })
    expect(isStuck(holder, [holder, party({ has: true, waits: 'b' }), busy])).toBe(false)
  })

  test('is stuck also through others, who have no connection themselves', () => {
    const between = party({ waits: 'a', holds: ['b'] })
    expect(isStuck(holder, [holder, between, party({ has: true, waits: 'b' })])).toBe(true)
  })

  test('is not while it waits only for connections without a borrower', () => {
    expect(isStuck(holder, [holder])).toBe(false)
  })

  test('is in no cycle if it only waits for the connections of others that are stuck', () => {
    const owner = party({ has: true, waits: 'a' })
    const innocent = party({ wants: true })
    const all = [innocent, holder, owner]
    expect(isStuck(innocent, all)).toBe(true)
    expect([cycleThrough(innocent, all), cycleThrough(holder, all)]).toEqual([null, [holder, owner]])
  })
})

describe('a client whose statement waits in the server', () => {
  const owner = party({ has: true, waits: 'a' })
  const writer = party({ has: true, holds: ['a'], blockers: [owner] })

  test('is in a cycle with the owner of the row that waits for its lock', () => {
    expect(cycleThrough(owner, [owner, writer])).toEqual([owner, writer])
    expect(cycleThrough(writer, [owner, writer])).toEqual([writer, owner])
  })

  test('is in none if the owner of the row continues', () => {
    const idle = party({ has: true })
    const waiting = party({ has: true, holds: ['a'], blockers: [idle] })
    expect(cycleThrough(owner, [owner, waiting, idle])).toBeNull()
  })

  test('is in a cycle of any length, with waits of every kind', () => {
    const first = party({ has: true, waits: 'l0' })
    const between = Array.from({ length: 6 }, (_, at) => party({ holds: [`l${at}`], waits: `l${at + 1}` }))
    const last = party({ has: true, holds: ['l6'], blockers: [first] })
    const all = [last, ...between, first]
    expect(cycleThrough(first, all)).toEqual([first, ...between, last])
    // One that waits for the cycle from outside is not part of it.
    const outside = party({ waits: 'l3', has: true })
    expect([isStuck(outside, [...all, outside]), cycleThrough(outside, [...all, outside])]).toEqual([
      true,
      null,
    ])
  })

  test('counts as stuck as long as the server has not been asked', () => {
    const unknown = party({ has: true, holds: ['a'], blockers: null })
    expect([isStuck(unknown, [owner, unknown]), isStuck(owner, [owner, unknown])]).toEqual([true, true])
  })
})
