import { EventEmitter } from 'node:events'
import { createPool as createGenericPool } from 'generic-pool'
import { createPool as createLightningPool } from 'lightning-pool'
import pg from 'pg'
import { Pool as TarnPool } from 'tarn'
import { ConnectionPool } from '../../src/pool/index.js'
import { inTurn, rate, spread, type GoesOn } from '../measure.js'
import { compared, type Bench, type Group, type Row } from '../row.js'
import { short } from '../table.js'

/** The proportions of HikariCP's benchmark: enough connections, half of that, and very many callers. */
const CROWDS = [
  { callers: 32, connections: 32 },
  { callers: 32, connections: 16 },
  { callers: 1000, connections: 10 },
] as const

/** Nothing waits for a server here, so rounds can be short. */
const PART_OF_ROUND = 1 / 3

/** Compares connection pools without a server, on connections that do nothing. */
export const poolAlone: Group = { name: 'pool', run }

async function run(bench: Bench): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const crowd of CROWDS) rows.push(await compare(crowd, bench))
  return rows
}

async function compare(
  { callers, connections }: (typeof CROWDS)[number],
  { rounds, seconds, say }: Bench,
): Promise<Row> {
  const contestants = CONTESTANTS.map((contestant) => ({ ...contestant, ...contestant.start(connections) }))
  const sides = Object.fromEntries(
    contestants.map(({ name, caller }) => [
      name,
      () => rate(callers, seconds * PART_OF_ROUND, (goesOn) => caller(goesOn)),
    ]),
  )
  const measured = await inTurn(rounds, sides, (what) => say(`${callers}/${connections}, ${what}`))
  await Promise.all(contestants.map(({ end }) => end()))

  const others = Object.entries(measured)
    .filter(([name]) => name !== 'lockpool')
    .map(([name, figures]) => ({ name, figures, median: spread(figures).median }))
    .toSorted((a, b) => b.median - a.median)
  const [fastest, ...slower] = others
  return compared({
    what: `the pool alone, ${callers} callers, ${connections} connections`,
    unit: 'cycles/s',
    ours: measured['lockpool']!,
    reference: fastest!,
    target: { of: 'ratio', is: 'at least', limit: 1 },
    notes: [slower.map(({ name, median }) => `${name} ${short(median)}`).join(', ')],
  })
}

/** The connection that every pool keeps here. It has as much of a connection as `pg.Pool` uses. */
class StubConnection extends EventEmitter {
  readonly _queryable = true

  connect(done: (error: null) => void): void {
    done(null)
  }

  end(done?: () => void): void {
    done?.()
  }
}

/** A pool with its own defaults. Each caller takes a connection and gives it back. */
interface Contestant {
  readonly name: string
  start(max: number): {
    readonly caller: (goesOn: GoesOn) => Promise<void>
    readonly end: () => Promise<unknown>
  }
}

const CONTESTANTS: readonly Contestant[] = [
  {
    name: 'lockpool',
    start(max) {
      const pool = new ConnectionPool<StubConnection>(
        { open: () => Promise.resolve(new StubConnection()), close: () => Promise.resolve() },
        { max },
      )
      const caller = async (goesOn: GoesOn): Promise<void> => {
        while (goesOn()) (await pool.connect()).release()
      }
      return { caller, end: () => pool.close() }
    },
  },
  {
    name: 'pg-pool',
    start(max) {
      const pool = new pg.Pool({ max, Client: StubConnection as unknown as new () => pg.ClientBase })
      const caller = async (goesOn: GoesOn): Promise<void> => {
        while (goesOn()) (await pool.connect()).release()
      }
      return { caller, end: () => pool.end() }
    },
  },
  {
    name: 'tarn',
    start(max) {
      const pool = new TarnPool<StubConnection>({
        create: () => Promise.resolve(new StubConnection()),
        destroy: () => undefined,
        min: 0,
        max,
      })
      const caller = async (goesOn: GoesOn): Promise<void> => {
        while (goesOn()) pool.release(await pool.acquire().promise)
      }
      return { caller, end: () => pool.destroy() }
    },
  },
  {
    name: 'generic-pool',
    start(max) {
      const pool = createGenericPool<StubConnection>(
        { create: () => Promise.resolve(new StubConnection()), destroy: () => Promise.resolve() },
        { max },
      )
      const caller = async (goesOn: GoesOn): Promise<void> => {
        while (goesOn()) void pool.release(await pool.acquire())
      }
      return { caller, end: () => pool.drain().then(() => pool.clear()) }
    },
  },
  {
    name: 'lightning-pool',
    start(max) {
      const pool = createLightningPool<StubConnection>(
        { create: () => new StubConnection(), destroy: () => undefined },
        { max, maxQueue: 10_000 },
      )
      const caller = async (goesOn: GoesOn): Promise<void> => {
        while (goesOn()) pool.release(await pool.acquire())
      }
      return { caller, end: () => pool.closeAsync() }
    },
  },
]
