import { expect, test } from 'vitest'
import { Sightings } from '../../../src/dashboard/sightings.js'
import type { LockJson } from '../../../src/dashboard/state-json.js'

const UNKNOWN = { atLeastMs: 0, atMostMs: 3_600_000 }

function lock(...pids: number[]): LockJson {
  return {
    id: 'advisory 1',
    kind: 'advisory',
    title: 'orders',
    namespace: null,
    key: '1',
    permits: null,
    holders: pids.map((pid) => ({
      ...{ pid, mode: 'shared', permit: null, token: null, isHere: false },
      ...UNKNOWN,
    })),
    waiters: [],
  }
}

function sightings(): { readonly eyes: Sightings; readonly held: number[]; readonly waited: number[] } {
  const held: number[] = []
  const waited: number[] = []
  const eyes = new Sightings({ held: (ms) => held.push(ms), waited: (ms) => waited.push(ms) })
  return { eyes, held, waited }
}

test('of what was there at the first look only the lower bound grows', () => {
  const { eyes } = sightings()
  eyes.look([lock(1)], 0)
  const [seen] = eyes.look([lock(1)], 2000)
  expect(seen!.holders).toMatchObject([{ atLeastMs: 2000, atMostMs: 3_600_000 }])
})

test('what comes between two looks has an age, to the time between them', () => {
  const { eyes } = sightings()
  eyes.look([lock(1)], 0)
  eyes.look([lock(1, 2)], 2000)
  const [seen] = eyes.look([lock(1, 2)], 5000)
  expect(seen!.holders[1]).toMatchObject({ pid: 2, atLeastMs: 3000, atMostMs: 5000 })
})

test('what was seen to begin and to end is told as long as it was, and nothing else', () => {
  const { eyes, held, waited } = sightings()
  eyes.look([lock(1)], 0)
  eyes.look([lock(1, 2)], 2000)
  eyes.look([lock(1, 2)], 4000)
  eyes.look([], 6000)
  // From between 0 and 2000 to between 4000 and 6000.
  expect({ held, waited }).toEqual({ held: [4000], waited: [] })
})

test('after a long pause it begins anew', () => {
  const { eyes, held } = sightings()
  eyes.look([], 0)
  eyes.look([lock(1)], 1000)
  const [seen] = eyes.look([lock(1)], 100_000)
  expect(seen!.holders).toMatchObject([UNKNOWN])
  expect(held).toEqual([])
})

test('what this process knows exactly is left as it is', () => {
  const { eyes } = sightings()
  const own = lock(1)
  const holders = [{ ...own.holders[0]!, isHere: true, atLeastMs: 7, atMostMs: 7 }]
  eyes.look([], 0)
  eyes.look([{ ...own, holders }], 1000)
  const [seen] = eyes.look([{ ...own, holders }], 2000)
  expect(seen!.holders).toEqual(holders)
})
