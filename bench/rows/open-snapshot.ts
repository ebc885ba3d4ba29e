import type pg from 'pg'
import { LockPool } from '../../src/index.js'
import { rate } from '../measure.js'
import { compared, type Bench, type Group, type Row } from '../row.js'
import { connectTo } from '../server.js'

const WINDOWS = 10

/** Windows of the usual length together are a minute. */
const WINDOW_LENGTHS = 4

/** Few keys are locked again and again. Many keys are locked once each, so their rows have one or two versions. */
const KINDS = [
  { what: '200 names that repeat', callers: 200, isNew: false },
  { what: '1,000 callers, new names', callers: 1000, isNew: true },
] as const

/**
 * Locks as rows while a transaction keeps a snapshot open, as a dump or a long report does. The server can't remove the
 * old versions of a row meanwhile, and each statement on the row passes over them.
 */
export const openSnapshot: Group = { name: 'open-snapshot', isOnlyWhenNamed: true, run }

async function run(bench: Bench): Promise<readonly Row[]> {
  const here = await connectTo(bench.url)
  await here.query('DROP DATABASE IF EXISTS bench_elsewhere')
  await here.query('CREATE DATABASE bench_elsewhere')
  const url = new URL(bench.url)
  url.pathname = '/bench_elsewhere'
  const elsewhere = await connectTo(url.href)
  const rows: Row[] = []
  for (const kind of KINDS) rows.push(...(await around(bench, kind, here, elsewhere)))
  await here.end()
  await elsewhere.end()
  return rows
}

async function around(
  bench: Bench,
  { what, callers, isNew }: (typeof KINDS)[number],
  here: pg.Client,
  elsewhere: pg.Client,
): Promise<Row[]> {
  const locks = await new LockPool({
    connection: bench.url,
    backend: 'table',
    max: 3,
    keyNames: 'off',
    namespace: 'snapshot',
  }).ready()
  let name = 0
  const window = async (when: string): Promise<number> => {
    const pairs = await rate(callers, bench.seconds * WINDOW_LENGTHS, async (goesOn, index) => {
      while (goesOn()) {
        const lock = await locks.acquire(isNew ? `new ${name++}` : `hot ${index}`)
        await lock.release()
      }
    })
    bench.say(`${what}, ${when}: ${Math.round(pairs)} pairs/s`)
    return pairs
  }
  await window('before, not counted')
  const before = await window('before')
  const other = await whileOpen(elsewhere, () => window('a snapshot is open in another database'))
  const during = await whileOpen(here, async () => {
    const windows: number[] = []
    while (windows.length < WINDOWS) windows.push(await window(`a snapshot is open, ${windows.length + 1}`))
    return windows
  })
  const after = await window('after it')
  await locks.close()
  const row = (when: string, figure: number): Row =>
    compared({
      what: `rows with leases, ${what}: ${when}`,
      unit: 'pairs/s',
      ours: [figure],
      reference: { name: 'without', figures: [before] },
    })
  const minute = Math.round(bench.seconds * WINDOW_LENGTHS * WINDOWS)
  return [
    row('with a snapshot open in another database', other),
    row('with a snapshot open, at once', during[0]!),
    row(`with a snapshot open for ${minute} s`, during.at(-1)!),
    row('after the snapshot has ended', after),
  ]
}

async function whileOpen<Answer>(client: pg.Client, work: () => Promise<Answer>): Promise<Answer> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1')
  try {
    return await work()
  } finally {
    await client.query('COMMIT')
  }
}
