import { expect, test } from 'vitest'
import {
  nextSemaphoreStep,
  SEMAPHORE_MOVES,
  type SemaphoreFacts,
  type SemaphoreState,
  type SemaphoreStep,
} from '../../../../src/lock/semaphore/semaphore-state.js'

const STATES = Object.keys(SEMAPHORE_MOVES) as SemaphoreState[]
const AT_REST: ReadonlySet<SemaphoreState> = new Set(['idle', 'waiting'])

/** The state after each step that asks the server. The other steps ask nothing. */
const LEADS_TO: Partial<Record<SemaphoreStep, SemaphoreState>> = {
  enqueue: 'queued',
  take: 'taking',
  wait: 'polling',
  retry: 'polling',
  poll: 'polling',
  release: 'releasing',
  yield: 'yielding',
  leave: 'leaving',
}

/** Every possible combination of facts about a semaphore with two permits. */
function* allFacts(): Generator<SemaphoreFacts> {
  const booleans = [false, true]
  for (const state of STATES)
    for (const waiters of [0, 1, 3])
      for (const permitsHere of [0, 1, 2])
        for (let spare = 0; spare <= permitsHere; spare++)
          for (const mayHandOff of spare > 0 ? booleans : [false])
            for (const isContended of booleans)
              for (const isYielding of booleans)
                for (const mayEnqueue of permitsHere === 0 && waiters > 0 ? booleans : [false])
                  for (const wake of ['no', 'woken', 'poll'] as const)
                    // A process that waits in the server queue has no permit.
                    if (state !== 'queued' || permitsHere === 0)
                      yield {
                        ...{
                          state,
                          permitsHere,
                          spare,
                          mayHandOff,
                          isContended,
                          isYielding,
                          wake,
                          mayEnqueue,
                        },
                        isWaitedFor: waiters > 0,
                        wanted: Math.min(waiters, 2 - permitsHere),
                      }
}

test('every step leads along a move that is legal', () => {
  for (const facts of allFacts()) {
    const to = LEADS_TO[nextSemaphoreStep(facts)]
    if (to !== undefined) expect(SEMAPHORE_MOVES[facts.state], JSON.stringify(facts)).toContain(to)
  }
})

test('while something is under way nothing else is asked', () => {
  for (const facts of allFacts())
    if (!AT_REST.has(facts.state)) expect(['rest', 'handOff']).toContain(nextSemaphoreStep(facts))
})

test('a connection without a borrower goes to a local caller, or is checked in', () => {
  for (const facts of allFacts()) {
    if (!AT_REST.has(facts.state) || facts.spare === 0) continue
    const step = nextSemaphoreStep(facts)
    if (facts.isWaitedFor && facts.mayHandOff) expect(step).toBe('handOff')
    else expect(step).toBe(facts.state === 'idle' ? 'release' : 'yield')
  }
})

test('no connection is requested without a waiter, and the request stays while there is a waiter or a permit', () => {
  for (const facts of allFacts()) {
    const step = nextSemaphoreStep(facts)
    if (facts.wanted === 0) expect(['take', 'wait', 'retry', 'poll']).not.toContain(step)
    if (step === 'evict')
      expect([facts.state, facts.permitsHere, facts.isWaitedFor]).toEqual(['idle', 0, false])
  }
})

test('a waiter waits only with a registration and a time to wake, or behind local callers', () => {
  for (const facts of allFacts()) {
    if (facts.state !== 'idle' || facts.wanted === 0 || nextSemaphoreStep(facts) !== 'rest') continue
    expect(facts.isYielding).toBe(true)
  }
})
