import { expect, test } from 'vitest'
import { Observations } from '../../../src/dashboard/observations.js'
import type { HolderJson, LockJson } from '../../../src/dashboard/state-json.js'

const UNKNOWN = { atLeastMs: 0, atMostMs: null }

function lock(...pids: number[]): LockJson {
  return lockOf(...pids.map((pid) => holder(pid)))
}

function holder(pid: number, more: Partial<HolderJson> = {}): HolderJson {
  return { pid, mode: 'shared', permit: null, token: null, label: null, isHere: false, ...UNKNOWN, ...more }
}

function lockOf(...holders: HolderJson[]): LockJson {
  return {
    id: 'advisory 1',
    kind: 'advisory',
    title: 'orders',
    namespace: null,
    key: '1',
    permits: null,
    holders,
    waiters: [],
  }
}

test('for a lock of the first inspection no age is known, however often it is seen again', () => {
  const eyes = new Observations()
  for (const at of [0, 2000, 4000, 600_000]) {
    const [seen] = eyes.look([lock(1)], at, at)
    expect(seen!.holders).toMatchObject([UNKNOWN])
  }
})

test('a lock that appears between two inspections has a maximum age, counted from the start of the inspection without it', () => {
  const eyes = new Observations()
  eyes.look([lock(1)], 0, 300)
  expect(eyes.look([lock(1, 2)], 2000, 2100)[0]!.holders[1]).toMatchObject({ atLeastMs: 0, atMostMs: 2100 })
  expect(eyes.look([lock(1, 2)], 5000, 5500)[0]!.holders[1]).toMatchObject({ atLeastMs: 0, atMostMs: 5500 })
})

test('a key that is taken again and again is never held for longer than it may have been', () => {
  const eyes = new Observations()
  eyes.look([], 0, 0)
  // Each inspection sees another short hold of the same session, and cannot tell these holds apart.
  for (let at = 1000; at <= 24_000; at += 1000) {
    const [seen] = eyes.look([lock(1)], at, at)
    expect(seen!.holders[0]).toMatchObject({ atLeastMs: 0, atMostMs: at })
  }
  eyes.look([], 25_000, 25_000)
  expect(eyes.look([lock(1)], 26_000, 26_000)[0]!.holders[0]).toMatchObject({ atMostMs: 1000 })
})

test('known ages are not replaced by less exact ones', () => {
  const eyes = new Observations()
  eyes.look([], 0, 0)
  const known = { atLeastMs: 90_000, atMostMs: 90_000 }
  expect(eyes.look([lockOf(holder(1, known))], 2000, 2000)[0]!.holders[0]).toMatchObject(known)
  const limited = { atLeastMs: 500, atMostMs: 1000 }
  expect(eyes.look([lockOf(holder(2, limited))], 4000, 4000)[0]!.holders[0]).toMatchObject(limited)
})

test('the server may still show a lock that this process held at the last inspection', () => {
  const eyes = new Observations()
  eyes.look([], 0, 0)
  eyes.look([lockOf(holder(1, { isHere: true, atLeastMs: 3_600_000, atMostMs: 3_600_000 }))], 1000, 1000)
  expect(eyes.look([lock(1)], 2000, 2000)[0]!.holders[0]).toMatchObject(UNKNOWN)
})

test('permits and waiters are distinguished', () => {
  const eyes = new Observations()
  const waiter = { pid: 1, mode: null, label: null, isOutside: true, isHere: false, ...UNKNOWN }
  eyes.look([lockOf(holder(1, { permit: 1 }))], 0, 0)
  const both = { ...lockOf(holder(1, { permit: 1 }), holder(1, { permit: 2 })), waiters: [waiter] }
  const [seen] = eyes.look([both], 1000, 1000)
  expect(seen!.holders.map(({ atMostMs }) => atMostMs)).toEqual([null, 1000])
  expect(seen!.waiters[0]).toMatchObject({ atLeastMs: 0, atMostMs: 1000 })
})
