import { expect, test } from 'vitest'
import type { LockMode } from '../../../../src/dialect/lock-key.js'
import {
  KEY_MOVES,
  nextStep,
  type Conversion,
  type KeyFacts,
  type KeyState,
  type Step,
} from '../../../../src/lock/key/key-state.js'

const STATES = Object.keys(KEY_MOVES) as KeyState[]
const AT_REST: ReadonlySet<KeyState> = new Set(['idle', 'waiting', 'delayed', 'held'])
/**
 * The wake-up is a separate statement. In `notifying` the entry waits only while it yields, or while its intent must be removed
 * first.
 */
const isUnderWay = ({ state, hasIntent, isYielding, isClosing, head, mayEnqueue }: KeyFacts): boolean =>
  state === 'notifying'
    ? hasIntent || (isYielding && !mayEnqueue && !(isClosing && head === null))
    : !AT_REST.has(state)

/** The state after each step that asks the server. The other steps ask nothing. */
const LEADS_TO: Partial<Record<Step, KeyState>> = {
  try: 'trying',
  wait: 'polling',
  queue: 'polling',
  enqueue: 'queued',
  retry: 'polling',
  poll: 'polling',
  join: 'joining',
  rejoin: 'joining',
  upgrade: 'converting',
  downgrade: 'converting',
  setIntent: 'registeringIntent',
  clearIntent: 'registeringIntent',
  leave: 'leaving',
  release: 'releasing',
  releaseEarly: 'releasing',
  yield: 'yielding',
}

function conversions(mode: LockMode, head: LockMode | null, holderCount: number): (Conversion | null)[] {
  if (mode === 'exclusive') return holderCount === 1 ? [null, 'downgrade'] : [null]
  return head === 'exclusive' && holderCount > 0 ? [null, 'upgrade'] : [null]
}

/** Every possible combination of facts. */
function* allFacts(): Generator<KeyFacts> {
  const booleans = [false, true]
  for (const state of STATES)
    for (const mode of ['exclusive', 'shared'] as const)
      for (const head of [null, 'exclusive', 'shared'] as const)
        for (const holderCount of [0, 1, 2])
          for (const wake of ['no', 'woken', 'poll'] as const)
            for (const isContended of booleans)
              for (const isYielding of booleans)
                for (const isHurried of booleans)
                  for (const isDraining of booleans)
                    for (const hasIntent of booleans)
                      for (const mayHandOff of booleans)
                        for (const isLate of mode === 'shared' ? booleans : [false])
                          for (const isClosing of booleans)
                            for (const mayEnqueue of head === null ? [false] : booleans)
                              for (const conversion of conversions(mode, head, holderCount))
                                yield {
                                  conversion,
                                  state,
                                  mode,
                                  head,
                                  holderCount,
                                  wake,
                                  isContended,
                                  isYielding,
                                  isHurried,
                                  mayEnqueue,
                                  isDraining,
                                  hasIntent,
                                  mayHandOff,
                                  isLate,
                                  isClosing,
                                }
}

test('every step is a legal move', () => {
  for (const facts of allFacts()) {
    const to = LEADS_TO[nextStep(facts)]
    if (to !== undefined) expect(KEY_MOVES[facts.state], JSON.stringify(facts)).toContain(to)
  }
})

test('while an operation is under way nothing else is started', () => {
  for (const facts of allFacts()) {
    if (isUnderWay(facts)) expect(nextStep(facts)).toBe('rest')
  }
})

test('a writer never gets a lock with a holder, and no process gets a lock that a writer holds', () => {
  for (const facts of allFacts()) {
    if (facts.state !== 'held' || facts.holderCount === 0) continue
    const step = nextStep(facts)
    expect(step).not.toBe('handOff')
    expect(step).not.toBe('release')
    if (facts.mode === 'exclusive') expect(step).toBe(facts.conversion === null ? 'rest' : 'downgrade')
  }
})

test('a reader becomes a writer when no other reader is left, here or, as far as is known, elsewhere', () => {
  for (const facts of allFacts()) {
    if (facts.state !== 'held' || facts.conversion !== 'upgrade') continue
    const mayTry = !facts.isContended || facts.isHurried || facts.wake !== 'no'
    const otherwise = facts.hasIntent ? 'rest' : 'setIntent'
    expect(nextStep(facts)).toBe(facts.holderCount === 1 && mayTry ? 'upgrade' : otherwise)
  }
})

test('a reader behind a writer does not join, within the process or across', () => {
  for (const facts of allFacts()) {
    if (nextStep(facts) !== 'join') continue
    expect(facts.head).toBe('shared')
    // After a wake-up or a poll, and for a caller that cannot wait, the entry asks whether the writer in another process still
    // waits.
    if (facts.wake === 'no' && !facts.isHurried) expect(facts.isDraining).toBe(false)
    expect(facts.hasIntent).toBe(false)
  }
})

test('nothing is left at the server for a key without local users', () => {
  for (const facts of allFacts()) {
    if (facts.head !== null || facts.holderCount > 0 || !AT_REST.has(facts.state)) continue
    if (facts.state === 'delayed') continue
    const expected =
      facts.state === 'held'
        ? 'release'
        : facts.state === 'waiting'
          ? 'leave'
          : facts.hasIntent
            ? 'clearIntent'
            : 'evict'
    expect(nextStep(facts)).toBe(expected)
  }
})

test('every waiter waits for something: a holder, an operation under way, or a wake-up', () => {
  for (const facts of allFacts()) {
    if (facts.head === null || nextStep(facts) !== 'rest' || !AT_REST.has(facts.state)) continue
    expect(facts.holderCount > 0 || (facts.state !== 'idle' && facts.state !== 'held')).toBe(true)
  }
})

test('a delayed key is granted to no caller, and released only when the pool is closed and no caller waits', () => {
  for (const facts of allFacts()) {
    if (facts.state !== 'delayed') continue
    expect(nextStep(facts)).toBe(facts.isClosing && facts.head === null ? 'releaseEarly' : 'rest')
  }
})

test('a process that has just released it for others queues before it tries', () => {
  for (const facts of allFacts()) {
    const isFree = facts.state === 'idle' && !facts.hasIntent && !facts.isContended
    const mayQueue = isFree && facts.head === 'exclusive' && facts.isYielding && !facts.mayEnqueue
    expect(nextStep(facts) === 'queue').toBe(mayQueue)
  }
})

test('at the end of a turn the others are looked for before the lock is passed on', () => {
  const facts: KeyFacts = {
    state: 'held',
    mode: 'exclusive',
    head: 'exclusive',
    holderCount: 0,
    conversion: null,
    wake: 'no',
    isContended: false,
    isYielding: false,
    isHurried: false,
    mayEnqueue: false,
    isDraining: false,
    hasIntent: false,
    mayHandOff: true,
    isLate: false,
    isClosing: false,
  }
  expect(nextStep(facts)).toBe('handOff')
  expect(nextStep({ ...facts, mayHandOff: false })).toBe('yield')
  expect(nextStep({ ...facts, head: 'shared' })).toBe('release')
})
