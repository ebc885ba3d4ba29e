import { setTimeout as sleep } from 'node:timers/promises'
import { sharedNow } from '../measure.js'
import { ENTRANTS } from '../report/entrants.js'
import { serve } from '../worker.js'

export interface PassQuestion {
  readonly seconds: number
}

/** One turn, on the clock that all processes share. */
export interface Turn {
  readonly wantedMs: number
  readonly grantedMs: number
  readonly releasedMs: number
}

/** Long enough for the others to be waiting when it is given back. */
const HOLD_MS = 2

const [name = '', postgres = '', redis = ''] = process.argv.slice(2)
const entrant = ENTRANTS.find((each) => each.name === name)!
const contender = await entrant.open({ postgres, redis: redis === '' ? null : redis })

serve(
  async ({ seconds }: PassQuestion): Promise<Turn[]> => {
    const turns: Turn[] = []
    const endsAt = sharedNow() + seconds * 1000
    while (sharedNow() < endsAt) {
      const wantedMs = sharedNow()
      const release = await contender.lock('passed on')
      const grantedMs = sharedNow()
      await sleep(HOLD_MS)
      const releasedMs = sharedNow()
      await release()
      turns.push({ wantedMs, grantedMs, releasedMs })
    }
    return turns
  },
  () => contender.close(),
)
