import { expect } from 'vitest'
import type { FakeWorld } from './fake-world.js'

interface Held {
  readonly state: string
  release(): Promise<void>
}

/** The callers that had the lock, in order, by their index, and the longest wait. */
export interface Turns {
  readonly turns: readonly number[]
  readonly longestMs: number
}

/** The time in which listeners connect. Waits that begin in it do not count. */
const BEGINNING_MS = 300

/** Runs callers in separate processes. Each requests the same lock again immediately, and holds it for `holdMs`. */
export async function takingTurns(
  { clock }: FakeWorld,
  callers: readonly (() => Promise<Held>)[],
  holdMs: number,
  lastsMs = 1200,
): Promise<Turns> {
  const turns: number[] = []
  let longestMs = 0
  let isOver = false
  const living = callers.map(async (acquire, place) => {
    while (!isOver) {
      const since = clock.now()
      const held = await acquire()
      if (since > BEGINNING_MS) {
        turns.push(place)
        longestMs = Math.max(longestMs, clock.now() - since)
      }
      await new Promise<void>((resolve) => void clock.after(holdMs, resolve))
      expect(held.state).toBe('held')
      await held.release()
    }
  })
  await clock.run(lastsMs)
  isOver = true
  await clock.run(500)
  await Promise.all(living)
  return { turns, longestMs }
}

/** Each caller's share of the turns. */
export function shares({ turns }: Turns, callers: number): number[] {
  return Array.from(
    { length: callers },
    (_, place) => turns.filter((each) => each === place).length / turns.length,
  )
}
