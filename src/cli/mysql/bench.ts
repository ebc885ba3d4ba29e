import { systemClock } from '../../base/clock.js'
import { ConnectionError } from '../../base/errors.js'
import { inTime } from '../../base/in-time.js'
import { LockPool } from '../../mysql-lock-pool.js'
import { errorNumber, INTERRUPTED } from '../../dialect/mysql/connection/server-errors.js'
import type { ServerConnection } from '../../dialect/mysql/connection/server-connection.js'
import { encodeRowKey } from '../../dialect/mysql/table/key.js'
import {
  ANSWER_LIMIT_MS,
  Bench,
  keysOf,
  noNotification,
  type BenchConnection,
  type BenchOrder,
  type BenchServer,
  type WakeOnce,
} from '../bench/run-bench.js'
import type { Figures } from '../bench/figures.js'
import { explainFailure, hangUp } from '../server.js'
import type { Terminal } from '../terminal.js'
import { FORGET_BACKEND, forgetRows, HOLD, interrupt, IS_WAITING, VERSION, WAIT_FOR_IT } from './bench-sql.js'
import { ROUND_TRIP, ROW_TABLES, TABLES } from './doctor-sql.js'
import { mysqlConfigOf, openMysql } from './open.js'

export interface MysqlBench {
  readonly url: string | undefined
  readonly backend: 'named' | 'table'
}

export interface Measured {
  readonly server: string
  readonly hasTokens: boolean
  readonly figures: Figures
}

/** The shortest lease that a Galera cluster allows. */
const TABLE_LEASE_MS = 20_000

const ROW_TABLE_COUNT = 5

/** Measures, and prints a failure. Returns the figures, or the exit code. */
export async function benchMysql(
  { url, backend }: MysqlBench,
  order: BenchOrder,
  say: (what: string) => void,
  terminal: Terminal,
): Promise<Measured | number> {
  let admin: ServerConnection | null = null
  try {
    const config = mysqlConfigOf({ url, applicationName: 'lockpool bench' })
    admin = await openMysql(config)
    const server = `${admin.isMariaDb ? 'MariaDB' : 'MySQL'} ${String((await admin.say(VERSION))[0]![0])}`
    const hasTokens = backend === 'table' || (await hasFence(admin))
    if (backend === 'table') await checkRows(admin)
    const bench = new Bench(mysqlBench(config, backend, hasTokens), order, say)
    try {
      return { server, hasTokens, figures: await bench.run() }
    } finally {
      await forget(admin, bench.namespace, backend === 'table' ? keysOf(order.callers) : [])
    }
  } catch (error) {
    return await explainFailure(error, terminal)
  } finally {
    if (admin !== null) await hangUp(admin)
  }
}

interface MysqlConnection extends BenchConnection {
  readonly server: ServerConnection
}

function mysqlBench(
  config: ReturnType<typeof mysqlConfigOf>,
  backend: 'named' | 'table',
  hasTokens: boolean,
): BenchServer<MysqlConnection> {
  const lease = backend === 'table' ? { leaseMs: TABLE_LEASE_MS } : {}
  return {
    async open() {
      const server = await openMysql(config)
      return { server, roundTrip: () => server.ask(ROUND_TRIP, []), close: () => server.close() }
    },
    makePool: (options) =>
      new LockPool({
        ...options,
        ...lease,
        connection: config,
        backend,
        fencing: hasTokens ? 'auto' : 'off',
      }),
    wakeUp:
      backend === 'table'
        ? null
        : { name: 'wake-up', prepare: ({ server: sender }, { server }) => prepareWakeUp(sender, server) },
  }
}

/** As a release wakes a waiting process: by KILL QUERY of the session that waits in GET_LOCK. */
async function prepareWakeUp(sender: ServerConnection, listener: ServerConnection): Promise<WakeOnce> {
  const name = `lpbench/${sender.threadId}`
  await sender.say(HOLD, [name])
  return async () => {
    const woken = interrupted(listener.say(WAIT_FOR_IT, [name]))
    // Before that, there would be nothing to interrupt.
    while (Number((await sender.say(IS_WAITING, [listener.threadId]))[0]![0]) === 0);
    const since = systemClock.now()
    await sender.say(interrupt(listener.threadId))
    await inTime(systemClock, ANSWER_LIMIT_MS, woken, noNotification)
    return systemClock.now() - since
  }
}

/** MariaDB answers with an error, MySQL with NULL. */
async function interrupted(wait: Promise<unknown>): Promise<void> {
  await wait.catch((error: unknown) => {
    if (errorNumber(error) !== INTERRUPTED) throw error
  })
}

async function hasFence(server: ServerConnection): Promise<boolean> {
  const tables = new Set((await server.say(TABLES)).map(([name]) => name))
  return tables.has('lockpool_fence') && tables.has('lockpool_run')
}

/** A pool would create what is missing, and a measurement must not. */
async function checkRows(server: ServerConnection): Promise<void> {
  if ((await server.say(ROW_TABLES)).length === ROW_TABLE_COUNT) return
  throw new ConnectionError(
    'this database lacks the tables of backend "table": "lockpool install --backend table" creates them',
    { retryable: false },
  )
}

/** Removes what the pools have recorded about the namespace. What cannot be removed does no harm. */
async function forget(admin: ServerConnection, namespace: string, keys: readonly string[]): Promise<void> {
  const bits = keys.map((key) => encodeRowKey(key, namespace).bits)
  try {
    await admin.say(FORGET_BACKEND, [namespace])
    if (bits.length > 0) await admin.say(forgetRows(bits))
  } catch (error) {
    if (errorNumber(error) === undefined) throw error
  }
}
