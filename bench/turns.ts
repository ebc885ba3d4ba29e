import { setTimeout as sleep } from 'node:timers/promises'
import { sharedNow } from './measure.js'
import { serve } from './worker.js'

/** One turn of one process. The times are of the clock that all processes share. */
export interface Turn {
  readonly wantedMs: number
  readonly grantedMs: number
  readonly releasedMs: number
}

/** A question to a worker that takes turns. All answers except that of `take` are empty. */
export type TurnsQuestion =
  | { readonly step: 'open'; readonly contestant: string }
  | { readonly step: 'take'; readonly untilMs: number }
  | { readonly step: 'close' }

/** A way to take turns from one process. */
export interface Contestant {
  /** Waits for the lock. Returns the function that releases it. */
  lock(key: string): Promise<() => Promise<unknown>>
  close(): Promise<unknown>
}

const KEY = 'passed on'

/** Long enough that the others wait when the lock is released. */
const HOLD_MS = 2

/** Serves a worker that opens a contestant and takes turns with it. */
export function serveTurns(open: (contestant: string) => Promise<Contestant>): void {
  let opened: Contestant | null = null
  const close = async (): Promise<void> => {
    await opened?.close()
    opened = null
  }
  serve(async (question: TurnsQuestion): Promise<Turn[]> => {
    switch (question.step) {
      case 'open':
        opened = await open(question.contestant)
        // Locks a key that no other process wants. After it everything is open that the first lock opens.
        await (
          await opened.lock(`warm-up of ${process.pid}`)
        )()
        return []
      case 'take':
        return takeTurns(opened!, question.untilMs)
      case 'close':
        await close()
        return []
    }
  }, close)
}

/** Waits for the lock, holds it, and wants it again at once. */
async function takeTurns(contestant: Contestant, untilMs: number): Promise<Turn[]> {
  const turns: Turn[] = []
  for (let wantedMs = sharedNow(); wantedMs < untilMs; wantedMs = sharedNow()) {
    const release = await contestant.lock(KEY)
    const grantedMs = sharedNow()
    await sleep(HOLD_MS)
    const releasedMs = sharedNow()
    await release()
    turns.push({ wantedMs, grantedMs, releasedMs })
  }
  return turns
}
