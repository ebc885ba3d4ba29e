import { describe, expect, test } from 'vitest'
import { isStuck, type Party } from '../../../../src/serve/upstream/stuck-parties.js'

function party(what: { waits?: string; wants?: boolean; has?: boolean; holds?: readonly string[] }): Party {
  const { waits = null, wants = false, has = false, holds = [] } = what
  return {
    awaitedLock: waits,
    awaitsUpstream: wants,
    hasUpstream: has,
    holdsLock: (id) => holds.includes(id),
  }
}

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
})
