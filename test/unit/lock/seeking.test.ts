/** The deadlock detector alone: how it handles waits and probes. */
import { expect, test } from 'vitest'
import { DeadlockDetector } from '../../../src/lock/deadlock/deadlock-detector.js'
import { decodeProbe, encodeProbe } from '../../../src/lock/deadlock/probe.js'
import { Frame } from '../../../src/lock/handle/frame.js'
import type { KeyEntry } from '../../../src/lock/key/key-entry.js'
import type { Lock } from '../../../src/lock/handle/lock.js'
import type { LockWaiter } from '../../../src/lock/handle/lock-waiter.js'
import { ManualClock } from '../../../src/testing/manual-clock.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'

function detectorOf() {
  const clock = new ManualClock()
  const seen = { listening: 0, told: [] as string[] }
  const entries: KeyEntry[] = []
  const host = {
    isListening: true,
    entries,
    find: (id: string) => entries.find(({ key }) => key.id === id) ?? null,
    listen: () => void seen.listening++,
    unlisten: () => void seen.listening--,
    deadlocked: () => undefined,
  }
  const ports = { clock, random: new SeededRandom(1), sender: 'me', process: 'this process' }
  const detector = new DeadlockDetector(ports, host)
  /** A key that another process has, unless `holders` has locks of this process. */
  const entryOf = (id: string, holders: Lock[] = []): KeyEntry => {
    const entry = {
      ...{ key: { id }, label: id, mode: 'exclusive', holders, queue: { first: null, size: 0 }, head: null },
      sessionToSpeak: { signals: { broadcast: (text: string) => seen.told.push(text) } },
    } as unknown as KeyEntry
    entries.push(entry)
    return entry
  }
  let arrival = 0
  const waiterFor = (entry: KeyEntry): LockWaiter<KeyEntry> =>
    ({ mode: 'exclusive', entry, arrival: ++arrival, isGone: false }) as unknown as LockWaiter<KeyEntry>
  const bodyWith = (isHeld = true): Frame => {
    const lock = { place: 0, isHeld, key: 'mine', mode: 'exclusive', frame: null as Frame | null }
    lock.frame = new Frame(lock, null)
    return lock.frame
  }
  return { clock, seen, host, detector, entryOf, waiterFor, bodyWith }
}

test('a wait inside a body that holds something is searched from, listening, until it ends', () => {
  const { clock, seen, detector, entryOf, waiterFor, bodyWith } = detectorOf()
  const waiter = waiterFor(entryOf('theirs'))
  detector.began(waiter, bodyWith())
  expect([waiter.isFramed, clock.armed, seen.listening]).toEqual([true, 1, 0])
  clock.advance(499)
  expect(seen.told).toEqual([])
  clock.advance(4000)
  expect(seen.listening, 'once').toBe(1)
  expect(seen.told.length).toBeGreaterThan(1)
  expect(decodeProbe(seen.told[0]!)).toMatchObject({
    from: 'me.1',
    round: 1,
    keyId: 'theirs',
    steps: [{ holds: null }],
  })

  detector.ended(waiter)
  detector.ended(waiter)
  expect([clock.armed, seen.listening]).toEqual([0, 0])
})

test('one that holds nothing any more, or comes after the end, is not', () => {
  const { clock, detector, entryOf, waiterFor, bodyWith } = detectorOf()
  detector.began(waiterFor(entryOf('theirs')), bodyWith(false))
  expect(clock.armed).toBe(0)
  detector.close()
  detector.began(waiterFor(entryOf('others')), bodyWith())
  expect(clock.armed).toBe(0)
})

test('the end is the end of all waits, and of listening for them', () => {
  const { clock, seen, detector, entryOf, waiterFor, bodyWith } = detectorOf()
  for (const id of ['a', 'b']) detector.began(waiterFor(entryOf(id)), bodyWith())
  clock.advance(3000)
  expect(seen.listening).toBe(2)
  detector.close()
  expect([clock.armed, seen.listening]).toEqual([0, 0])
})

test('a wait for a lock of this process needs no listener, and sends nothing', () => {
  const { clock, seen, detector, entryOf, waiterFor, bodyWith } = detectorOf()
  const holder = bodyWith().lock as Lock
  detector.began(waiterFor(entryOf('ours', [holder])), bodyWith())
  clock.advance(5000)
  expect(seen).toEqual({ listening: 0, told: [] })
  detector.close()
})

test('a process that cannot receive the answer does not search', () => {
  const { clock, seen, host, detector, entryOf, waiterFor, bodyWith } = detectorOf()
  host.isListening = false
  detector.began(waiterFor(entryOf('theirs')), bodyWith())
  clock.advance(5000)
  expect(seen.told).toEqual([])
  detector.close()
})

test('a probe is passed on along the local waiters, once per round, and not after the end', () => {
  const { seen, detector, entryOf, waiterFor, bodyWith } = detectorOf()
  const frame = bodyWith()
  entryOf('ours', [frame.lock as Lock])
  const waiter = waiterFor(entryOf('theirs'))
  detector.began(waiter, frame)
  const steps = [{ wait: 'x.9', process: 'p', holds: null, waitsFor: 'ours' }]
  const probe = (round: number, keyId = 'ours'): string =>
    encodeProbe({ from: 'x.9', round, keyId, mode: 'exclusive', steps })!
  detector.received(probe(1))
  detector.received(probe(1))
  expect(seen.told.map((text) => decodeProbe(text))).toEqual([
    expect.objectContaining({
      from: 'x.9',
      round: 1,
      keyId: 'theirs',
      steps: [steps[0], expect.objectContaining({ wait: 'me.1', holds: 'mine' })],
    }),
  ])
  detector.received('no probe')
  detector.received(probe(2, 'unknown'))
  expect(seen.told).toHaveLength(1)
  detector.received(probe(3))
  expect(seen.told).toHaveLength(2)
  detector.close()
  detector.received(probe(4))
  expect(seen.told).toHaveLength(2)
})
