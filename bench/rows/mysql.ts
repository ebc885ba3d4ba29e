import { noGalera, OwnGalera } from '../../test/support/own-galera.js'
import { noMariaDb, OwnMariaDb } from '../../test/support/own-mariadb.js'
import { inTurn } from '../measure.js'
import { alone, compared, type Bench, type Group, type Row } from '../row.js'
import { WorkerProcess } from '../worker.js'
import {
  CALLERS,
  POOL_CALLERS,
  POOL_SIZE,
  SESSIONS,
  type MysqlPairsKind,
} from '../workers/mysql-pairs-terms.js'
import type { PairsAnswer, PairsQuestion } from '../workers/pairs-terms.js'

/** `lockpool/mysql`, on a MariaDB and on a Galera cluster with three nodes, which this benchmark starts. */
export const mysql: Group = { name: 'mysql', isOnlyWhenNamed: true, run }

/** The defaults of MariaDB. Servers of tests are smaller, and there the redo log sets the speed. */
const AS_INSTALLED = [
  'max-connections=100',
  'innodb-flush-log-at-trx-commit=1',
  'innodb-buffer-pool-size=128M',
  'innodb-log-file-size=96M',
]

/** When Galera loses a node, it commits nothing for some seconds. */
const CLUSTER_LEASE_MS = 30_000

const BY_HAND = `a mysql2 pool of ${POOL_SIZE}, ${POOL_CALLERS} callers, a statement for each lock and each unlock`

async function run(bench: Bench): Promise<readonly Row[]> {
  if (noMariaDb !== null) {
    bench.say(noMariaDb)
    return []
  }
  await using server = await OwnMariaDb.start(...AS_INSTALLED)
  const rows = await onOneServer(bench, await server.createDatabase())
  if (noGalera === null) rows.push(...(await onCluster(bench)))
  else bench.say(noGalera)
  return rows
}

async function onOneServer(bench: Bench, url: string): Promise<Row[]> {
  const measure = (sides: readonly MysqlPairsKind[]): Promise<Measured> => measured(bench, sides, url)
  const named = await measure(['named', 'GET_LOCK and RELEASE_LOCK'])
  const slots = await measure(['named', 'named, 4 slots', 'named, 16 slots'])
  const oneSlots = await measure([
    'one caller, named',
    'one caller, named, 4 slots',
    'one caller, named, 16 slots',
  ])
  const rows = await measure(['rows, new names', 'rows, names that repeat', 'two bare updates'])
  const one = await measure(['one caller, named', 'one caller, GET_LOCK and RELEASE_LOCK'])
  const oneRow = await measure(['one caller, rows', 'one caller, two bare updates'])
  const many = `${CALLERS} callers, ${SESSIONS} lock sessions`
  return [
    row(named, `named locks, ${many}, new names`, 'named', 'GET_LOCK and RELEASE_LOCK', 12, [BY_HAND]),
    cpu(named, 'the same', 'named'),
    cpu(named, 'by hand', 'GET_LOCK and RELEASE_LOCK'),
    row(slots, `with sharedSlots: 4, ${many}, new names`, 'named, 4 slots', 'named', null, []),
    cpu(slots, 'the same', 'named, 4 slots'),
    row(slots, `with sharedSlots: 16, ${many}, new names`, 'named, 16 slots', 'named', null, []),
    cpu(slots, 'the same', 'named, 16 slots'),
    row(
      oneSlots,
      'with sharedSlots: 4, one caller',
      'one caller, named, 4 slots',
      'one caller, named',
      null,
      [],
    ),
    row(
      oneSlots,
      'with sharedSlots: 16, one caller',
      'one caller, named, 16 slots',
      'one caller, named',
      null,
      [],
    ),
    row(rows, `rows, ${many}, new names`, 'rows, new names', 'two bare updates', null, [BY_HAND]),
    row(rows, `rows, ${many}, names that repeat`, 'rows, names that repeat', 'two bare updates', 8, [
      BY_HAND,
    ]),
    cpu(rows, 'the same', 'rows, names that repeat'),
    cpu(rows, 'by hand', 'two bare updates'),
    row(
      one,
      'named locks, one caller',
      'one caller, named',
      'one caller, GET_LOCK and RELEASE_LOCK',
      null,
      [],
    ),
    row(oneRow, 'rows, one caller', 'one caller, rows', 'one caller, two bare updates', null, []),
  ]
}

async function onCluster(bench: Bench): Promise<Row[]> {
  await using cluster = await OwnGalera.start()
  const [url] = await cluster.createDatabase('bench')
  const rows = await measured(bench, ['rows, names that repeat', 'two bare updates'], url!, CLUSTER_LEASE_MS)
  const what = `rows in a Galera cluster of three, ${CALLERS} callers, names that repeat`
  return [
    row(rows, what, 'rows, names that repeat', 'two bare updates', 8, [`all on one node; ${BY_HAND}`]),
    cpu(rows, 'the same', 'rows, names that repeat'),
  ]
}

type Measured = Readonly<Partial<Record<MysqlPairsKind, readonly PairsAnswer[]>>>

/** Measures the sides in turn, each in a separate process. */
async function measured(
  { rounds, seconds, say }: Bench,
  sides: readonly MysqlPairsKind[],
  url: string,
  leaseMs = 15_000,
): Promise<Measured> {
  const workers = sides.map(
    (kind) =>
      [
        kind,
        new WorkerProcess<PairsQuestion, PairsAnswer>('mysql-pairs', [kind, url, String(leaseMs)]),
      ] as const,
  )
  try {
    const questions = workers.map(([kind, worker]) => [kind, () => worker.ask({ seconds })])
    return await inTurn(
      rounds,
      Object.fromEntries(questions) as Record<MysqlPairsKind, () => Promise<PairsAnswer>>,
      say,
    )
  } finally {
    await Promise.all(workers.map(([, worker]) => worker[Symbol.asyncDispose]()))
  }
}

function row(
  from: Measured,
  what: string,
  ours: MysqlPairsKind,
  name: MysqlPairsKind,
  limit: number | null,
  notes: readonly string[],
): Row {
  return compared({
    what,
    unit: 'pairs/s',
    ours: rates(from[ours]!),
    reference: { name, figures: rates(from[name]!) },
    ...(limit === null ? {} : { target: { of: 'ratio', is: 'at least', limit } }),
    notes,
  })
}

function cpu(from: Measured, what: string, of: MysqlPairsKind): Row {
  return alone({
    what: `${what}: CPU of the process for a pair`,
    unit: 'us',
    ours: from[of]!.map(({ cpuMicrosecondsPerPair }) => cpuMicrosecondsPerPair),
  })
}

function rates(answered: readonly PairsAnswer[]): number[] {
  return answered.map(({ pairsPerSecond }) => pairsPerSecond)
}
