import type { ClientConfig } from 'pg'
import { sleep, systemClock } from '../../base/clock.js'
import { systemRandom } from '../../base/random.js'
import { lookOnce } from '../../dialect/postgres/inspect/read-in-transaction.js'
import { hostsOf } from '../../dialect/postgres/hosts/host-list.js'
import { explain, sqlState } from '../../dialect/postgres/connection/server-errors.js'
import { identityOf } from '../../dialect/postgres/timeline/timeline.js'
import { serverName } from '../../dialect/postgres/timeline/server-identity.js'
import { SERVER_FACTS } from '../../dialect/postgres/inspect/inspect-sql.js'
import { lookAtSnapshots } from '../../dialect/postgres/inspect/old-snapshot.js'
import type { ServerConnection } from '../../dialect/postgres/connection/server-connection.js'
import { PostgresDialect } from '../../dialect/postgres/postgres-dialect.js'
import { PostgresFactory } from '../../dialect/postgres/pool/factory.js'
import { resolveLockPoolOptions } from '../../lock/lock-pool-options.js'
import { LockPool } from '../../lock/lock-pool.js'
import type {
  AvailabilityFacts,
  AvailabilityRow,
  BackendRecord,
  DoctorFacts,
  LockSessionOutcome,
  ServerRow,
} from './doctor-facts.js'
import { askPatroni } from './patroni.js'
import {
  AVAILABILITY,
  BACKENDS,
  DOCTOR_FACTS,
  LISTEN_TO_DOCTOR,
  NOTHING,
  NOTIFY_DOCTOR,
} from './doctor-sql.js'

/** Enough for a stable median. */
const ROUND_TRIPS = 21

/** A part of the answer of SERVER_FACTS. */
interface LockTable {
  readonly lock_entries: number
  readonly lock_capacity: number
  readonly has_rows: boolean
}

const NOTIFICATION_LIMIT_MS = 2000
const LOCK_LIMIT_MS = 10_000

/** The options of the command line. */
export interface DoctorWishes {
  /** The lease of the program that is going to lock. */
  readonly leaseMs: number
  /** The address of Patroni's REST interface, or null. */
  readonly patroni: string | null
}

/** Gathers all facts, and leaves the server as it was. */
export async function gatherFacts(
  connection: ServerConnection,
  config: ClientConfig,
  source: string,
  wishes: DoctorWishes,
): Promise<DoctorFacts> {
  const askedAt = systemClock.instant().wall
  const server = await lookOnce<ServerRow>(connection, DOCTOR_FACTS)
  const answeredAt = systemClock.instant().wall
  const {
    lock_entries: used,
    lock_capacity: capacity,
    has_rows: hasRows,
  } = await lookOnce<LockTable>(connection, SERVER_FACTS)
  return {
    source,
    address: addressOf(connection),
    server,
    announcedPid: connection.processID,
    lockTable: { used, capacity },
    ...(server.may_read_backends ? { backends: await readBackends(connection) } : {}),
    ...(hasRows ? { oldSnapshot: await lookAtSnapshots(connection) } : {}),
    clockOffsetMs: Date.parse(server.at) - (askedAt + answeredAt) / 2,
    roundTripMs: await measureRoundTrip(connection),
    // A standby refuses both, which is no fault.
    notificationMs: server.is_standby ? null : await measureNotification(connection),
    lockSession: server.is_standby ? null : await tryToLock(config),
    ...(server.is_standby ? {} : { availability: await availabilityOf(connection, config, wishes) }),
  }
}

async function readBackends(connection: ServerConnection): Promise<BackendRecord[]> {
  const { records } = await lookOnce<{ records: string }>(connection, BACKENDS)
  return JSON.parse(records) as BackendRecord[]
}

async function availabilityOf(
  connection: ServerConnection,
  config: ClientConfig,
  { leaseMs, patroni }: DoctorWishes,
): Promise<AvailabilityFacts> {
  const { standbys, synchronous_standbys: synchronousStandbys } = await lookOnce<AvailabilityRow>(
    connection,
    AVAILABILITY,
  )
  const { timeline } = serverName(connection.place, await identityOf(connection))
  const hosts = hostsOf(config)?.hosts.length ?? 1
  const said = patroni === null ? null : await askPatroni(patroni)
  return { hosts, leaseMs, timeline, standbys, synchronousStandbys, patroni: said }
}

function addressOf({ client: { host, port } }: ServerConnection): DoctorFacts['address'] {
  return { host, port, isLocal: /^(\/|localhost$|127\.|::1$)/.test(host) }
}

async function measureRoundTrip(connection: ServerConnection): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < ROUND_TRIPS; i++) {
    const since = systemClock.now()
    await connection.query(NOTHING)
    times.push(systemClock.now() - since)
  }
  return times.toSorted((a, b) => a - b)[ROUND_TRIPS >> 1]!
}

/** Sends a notification to itself, as another process would send a wake-up. */
async function measureNotification(connection: ServerConnection): Promise<number | null> {
  const mark = String(systemRandom.next())
  const enough = new AbortController()
  let heardAt: number | null = null
  connection.on('notification', ({ payload }) => {
    if (payload !== mark) return
    heardAt = systemClock.now()
    enough.abort()
  })
  await connection.query(LISTEN_TO_DOCTOR)
  const since = systemClock.now()
  await connection.query(NOTIFY_DOCTOR, [mark])
  await sleep(systemClock, NOTIFICATION_LIMIT_MS, enough.signal)
  return heardAt === null ? null : heardAt - since
}

/**
 * Locks as a program would, so that it needs everything that a pool needs. Without tokens, for which it would create a
 * schema, and without a record of the backend: the first program decides that.
 */
export async function tryToLock(config: ClientConfig): Promise<LockSessionOutcome> {
  const since = systemClock.now()
  const options = { min: 0, max: 2, fencing: 'off', acquireTimeoutMs: LOCK_LIMIT_MS } as const
  const locks = new LockPool(resolveLockPoolOptions(options, []), {
    factory: new PostgresFactory(config, {}),
    dialect: new PostgresDialect(),
  })
  try {
    const lock = await locks.acquire(`lockpool doctor ${systemRandom.next()}`)
    await lock.release()
    return { isUsable: true, lockMs: systemClock.now() - since }
  } catch (error) {
    const { code, message } = explain(error)
    return { isUsable: false, code: sqlState(error) ?? code, message }
  } finally {
    await locks.close({ graceMs: 0 })
  }
}
