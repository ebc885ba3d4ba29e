import { expect } from 'vitest'
import type { FakeWorld } from './fake-world.js'

interface Held {
  readonly state: string
  release(): Promise<void>
}

/** Who had it, in order, by place among the callers, and the longest that anybody waited. */
export interface Turns {
  readonly turns: readonly number[]
  readonly longestMs: number
}

/** In which the connections of the bells are opened: what happens before is left out. */
const BEGINNING_MS = 300

/** Callers, each in a process of its own, who want the same again at once, and hold it for so long each time. */
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

/** Which part of the turns each of so many had. */
export function shares({ turns }: Turns, callers: number): number[] {
  return Array.from(
    { length: callers },
    (_, place) => turns.filter((each) => each === place).length / turns.length,
  )
}
