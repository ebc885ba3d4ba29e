import { LockPool } from '../../src/index.js'
import { inTurn } from '../measure.js'
import { alone, compared, type Bench, type Group, type Row } from '../row.js'
import { ConnectionWatch } from '../server.js'
import { WorkerProcess } from '../worker.js'
import {
  APPLICATION,
  CALLERS,
  POOL_SIZE,
  REFERENCE_CALLERS,
  RUN_UP_SECONDS,
  SESSIONS,
  type PairsAnswer,
  type PairsKind,
  type PairsQuestion,
} from '../workers/pairs-terms.js'

/** A just-in-time compiler takes its time; what it has done by then is what a service runs with. */
const WARM_UP_SECONDS = 3

/** Many callers, each with a key of its own: what sharing a statement is worth. */
export const throughput: Group = { name: 'throughput', run }

async function run({ url, rounds, seconds, say }: Bench): Promise<readonly Row[]> {
  // The sequence that the server alone draws from is made by the first pool.
  await using locks = new LockPool({ connection: url })
  await locks.ready()
  // Each in a process of its own: the garbage and the compiled code of one would slow down the others.
  const side = (kind: PairsKind, ...args: string[]): Side => new WorkerProcess('pairs', [kind, url, ...args])
  const sides = {
    lockpool: side('lockpool'),
    'pg.Pool': side('pg.Pool'),
    'a connection per lock': side('connection-per-lock'),
    'the server alone, 1000 a time': side('server-alone', '1000'),
    'the server alone, 20000 a time': side('server-alone', '20000'),
  }
  const watch = new ConnectionWatch(url, APPLICATION)
  const cpu: number[] = []
  const measure = async (name: keyof typeof sides): Promise<number> => {
    const { pairsPerSecond, cpuMicrosecondsPerPair } = await sides[name].ask({ seconds })
    if (name === 'lockpool') cpu.push(cpuMicrosecondsPerPair)
    return pairsPerSecond
  }

  for (const [name, worker] of Object.entries(sides)) {
    say(`${name}, warming up`)
    await worker.ask({ seconds: Math.min(WARM_UP_SECONDS, seconds * 2) })
  }
  const measured = await inTurn(
    rounds,
    {
      lockpool: () => measure('lockpool'),
      'pg.Pool': () => measure('pg.Pool'),
      'a connection per lock': () => measure('a connection per lock'),
      'the server alone, 1000 a time': () => measure('the server alone, 1000 a time'),
      'the server alone, 20000 a time': () => measure('the server alone, 20000 a time'),
    },
    say,
  )
  const { most, looks } = await watch.stop()
  await Promise.all(Object.values(sides).map((worker) => worker[Symbol.asyncDispose]()))

  const against = (name: keyof typeof measured) => ({
    unit: 'pairs/s',
    ours: measured.lockpool,
    reference: { name, figures: measured[name] },
  })
  const cpuNote = `its process used ${Math.min(...cpu.slice(1)).toFixed(2)} us of CPU per pair in its best round`
  return [
    compared({
      what: `${CALLERS} callers, distinct keys, ${SESSIONS} connections`,
      ...against('pg.Pool'),
      target: { of: 'ratio', is: 'at least', limit: 30 },
      notes: [
        `${POOL_SIZE} connections, ${REFERENCE_CALLERS} callers, prepared, no tokens; each side in a process of its own, after ${RUN_UP_SECONDS} s that do not count`,
        cpuNote,
      ],
    }),
    compared({
      what: 'the same',
      ...against('a connection per lock'),
      target: { of: 'ratio', is: 'at least', limit: 2000 },
      notes: [`${REFERENCE_CALLERS} callers, who connect, lock, unlock and disconnect`],
    }),
    compared({
      what: 'the same',
      ...against('the server alone, 1000 a time'),
      target: { of: 'ratio', is: 'at least', limit: 0.45 },
      notes: [
        'one connection; the server locks, draws a token and unlocks by itself, 1000 pairs a statement: the operations of one of our batches',
      ],
    }),
    compared({
      what: 'the same',
      ...against('the server alone, 20000 a time'),
      notes: [
        'as before, 20000 pairs a statement: no round trips to speak of. The target is about statements of our size',
      ],
    }),
    alone({
      what: 'connections the server saw meanwhile',
      unit: 'connections',
      ours: [most],
      target: { of: 'ours', is: 'at most', limit: SESSIONS },
      notes: [`the most in ${looks} looks at pg_stat_activity`],
    }),
  ]
}

type Side = WorkerProcess<PairsQuestion, PairsAnswer>
