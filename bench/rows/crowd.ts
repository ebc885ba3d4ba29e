import { percentile, sharedNow } from '../measure.js'
import { alone, compared, type Bench, type Group, type Row } from '../row.js'
import { WorkerProcess } from '../worker.js'
import {
  CALLERS,
  COLD_KEYS,
  HOLD_MS,
  HOT_KEYS,
  type CrowdAnswer,
  type CrowdQuestion,
} from '../workers/hot-and-cold-terms.js'

const PROCESSES = 40
/** A minute, if a round has the default 1.5 seconds. */
const TIMES_OF_ROUND = 40
/** Time for forty processes to start and connect. */
const START_MS = 5000

/** Many more processes than processors, all wanting the same few keys. Measures whether a caller starves. */
export const crowd: Group = { name: 'crowd', isOnlyWhenNamed: true, run }

async function run({ url, seconds, say }: Bench): Promise<readonly Row[]> {
  const workers = Array.from(
    { length: PROCESSES },
    () => new WorkerProcess<CrowdQuestion, CrowdAnswer>('hot-and-cold', [url]),
  )
  const length = seconds * TIMES_OF_ROUND
  say(`${PROCESSES} processes for ${length} s`)
  const untilMs = sharedNow() + START_MS + length * 1000
  const answers = await Promise.all(workers.map((worker) => worker.ask({ untilMs })))
  await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()))

  const grants = answers.flatMap(({ hotGrants }) => hotGrants)
  const errors = answers.flatMap((answer) => answer.errors)
  const tails = answers.map(({ p999 }) => p999)
  const total = grants.reduce((sum, each) => sum + each)
  const among = `${PROCESSES} processes, ${CALLERS} callers in each`
  return [
    alone({
      what: `${among}: callers who never got a hot key`,
      unit: 'callers',
      ours: [grants.filter((each) => each === 0).length],
      target: { of: 'ours', is: 'at most', limit: 0 },
      notes: [
        `for ${length} s each takes one of ${HOT_KEYS} hot keys, for ${HOLD_MS} ms, and one of ${COLD_KEYS} cold ones, in turn; ` +
          `a caller got hot keys ${Math.min(...grants)} to ${Math.max(...grants)} times, ${Math.round(total / length)} times a second together; ` +
          `${errors.length} errors${errors.length > 0 ? `, such as ${errors[0]}` : ''}`,
      ],
    }),
    compared({
      what: `${among}: p99.9 of the wait, slowest process`,
      unit: 'ms',
      ours: [Math.max(...tails)],
      reference: { name: 'the median process', figures: [percentile(tails, 0.5)] },
      target: { of: 'ratio', is: 'at most', limit: 3 },
    }),
  ]
}
