import { setTimeout as sleep } from 'node:timers/promises'
import { sharedNow } from './measure.js'
import { serve } from './worker.js'

/** One turn of one process, on the clock that all processes share. */
export interface Turn {
  readonly wantedMs: number
  readonly grantedMs: number
  readonly releasedMs: number
}

/** What a worker that takes turns is asked. All but `take` are answered with no turns. */
export type TurnsQuestion =
  | { readonly step: 'open'; readonly contestant: string }
  | { readonly step: 'take'; readonly untilMs: number }
  | { readonly step: 'close' }

/** A way to take turns from one process. */
export interface Contestant {
  /** Waits until it is this process's turn. */
  lock(key: string): Promise<() => Promise<unknown>>
  close(): Promise<unknown>
}

const KEY = 'passed on'

/** Long enough for the others to be waiting when it is given back. */
const HOLD_MS = 2

/** The work of a worker: opens what it is told to, and takes turns with it. */
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
        // A key that nobody else wants: what is opened for the first lock is open after this.
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

/** Wants it, holds it, and wants it again at once. */
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
