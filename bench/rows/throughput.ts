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

/** The just-in-time compiler takes time. A service runs with the code that it has compiled by then. */
const WARM_UP_SECONDS = 3

/** Many callers that each have their own key. Measures the gain of sharing statements. */
export const throughput: Group = { name: 'throughput', run }

async function run({ url, rounds, seconds, say }: Bench): Promise<readonly Row[]> {
  // The first pool creates the sequence that the side "the server alone" uses.
  await using locks = new LockPool({ connection: url })
  await locks.ready()
  // Each side has a separate process: garbage and compiled code of one would slow down the others.
  const side = (kind: PairsKind, ...args: string[]): Side => new WorkerProcess('pairs', [kind, url, ...args])
  const sides = {
    'new names': side('new-names'),
    'the same names': side('same-names'),
    'pg.Pool': side('pg.Pool'),
    'a connection per lock': side('connection-per-lock'),
    'the server alone, 1000 a time': side('server-alone', '1000'),
    'the server alone, 20000 a time': side('server-alone', '20000'),
  }
  const watch = new ConnectionWatch(url, APPLICATION)
  for (const [name, worker] of Object.entries(sides)) {
    say(`${name}, warming up`)
    await worker.ask({ seconds: Math.min(WARM_UP_SECONDS, seconds * 2) })
  }
  const questions = Object.entries(sides).map(([name, worker]) => [name, () => worker.ask({ seconds })])
  const measured = await inTurn(
    rounds,
    Object.fromEntries(questions) as Record<SideName, () => Promise<PairsAnswer>>,
    say,
  )
  const { most, looks } = await watch.stop()
  await Promise.all(Object.values(sides).map((worker) => worker[Symbol.asyncDispose]()))
  return [
    ...rowsOf(measured),
    alone({
      what: 'connections the server saw meanwhile',
      unit: 'connections',
      ours: [most],
      target: { of: 'ours', is: 'at most', limit: SESSIONS },
      notes: [`the most in ${looks} looks at pg_stat_activity, of the process with names that repeat`],
    }),
  ]
}

type Side = WorkerProcess<PairsQuestion, PairsAnswer>

type SideName =
  | 'new names'
  | 'the same names'
  | 'pg.Pool'
  | 'a connection per lock'
  | 'the server alone, 1000 a time'
  | 'the server alone, 20000 a time'

type Measured = Readonly<Record<SideName, readonly PairsAnswer[]>>

const AGAINST_POOL = `${POOL_SIZE} connections, ${REFERENCE_CALLERS} callers, prepared, names that are new each time, hashed as lockpool does, no tokens; each side in a process of its own, after ${RUN_UP_SECONDS} s that do not count`

function rowsOf(measured: Measured): Row[] {
  const row = (what: string, ours: SideName, name: SideName, limit: number | null, notes: string[]): Row =>
    compared({
      what,
      unit: 'pairs/s',
      ours: rates(measured[ours]),
      reference: { name, figures: rates(measured[name]) },
      ...(limit === null ? {} : { target: { of: 'ratio', is: 'at least', limit } }),
      notes,
    })
  const cpu = (of: SideName, limit: number): Row =>
    alone({
      what: `${of}: CPU of our process for a pair`,
      unit: 'us',
      ours: measured[of].map(({ cpuMicrosecondsPerPair }) => cpuMicrosecondsPerPair),
      target: { of: 'ours', is: 'at most', limit },
    })
  const among = `${SESSIONS} connections`
  return [
    row(`${CALLERS} callers, names never seen before, ${among}`, 'new names', 'pg.Pool', 28, [AGAINST_POOL]),
    row('the same', 'new names', 'the same names', 0.8, [`${CALLERS} names, each of them again and again`]),
    row(`${CALLERS} callers, names that repeat, ${among}`, 'the same names', 'pg.Pool', 40, [AGAINST_POOL]),
    row('the same', 'the same names', 'a connection per lock', 2000, [
      `${REFERENCE_CALLERS} callers, who connect, lock, unlock and disconnect`,
    ]),
    row('the same', 'the same names', 'the server alone, 1000 a time', 0.6, [
      'one connection; the server locks, draws a token and unlocks by itself, 1000 pairs a statement: the operations of one of our batches',
    ]),
    row('the same', 'the same names', 'the server alone, 20000 a time', null, [
      'as before, 20000 pairs a statement: no round trips to speak of. The target is about statements of our size',
    ]),
    cpu('new names', 2.8),
    cpu('the same names', 1.6),
  ]
}

function rates(answers: readonly PairsAnswer[]): number[] {
  return answers.map(({ pairsPerSecond }) => pairsPerSecond)
}
