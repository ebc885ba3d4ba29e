import { setTimeout as sleep } from 'node:timers/promises'
import { SeededRandom } from '../src/testing/seeded-random.js'
import { ACCEPTED, ADD_KEY, CREATE_TABLES } from './chaos-sql.js'
import type { Cluster } from './cluster.js'
import { sharedNow, type History, type Span, type Strike, type Write } from './history.js'
import { LockPool } from '../src/index.js'
import type { Backend } from './options.js'
import { Pooler } from './pooler.js'
import type { Scene } from './strike-kind.js'
import { pickStrike } from './strikes.js'
import { Watch } from './watch.js'
import { withClient } from './with-client.js'
import { journalPath, WorkerProcess } from './worker-process.js'

/** Rows are written to the disk for each lock, and only heartbeats renew them: on a busy machine that takes longer. */
const LEASE_MS: Readonly<Record<Backend, number>> = { advisory: 1500, table: 4000 }
const KEYS = 4
const CALLERS = 6

/** Between two strikes. Now and then it stays calm for long enough to see who waits in vain. */
const LONGEST_PAUSE_MS = 1500
const CALM_MS: Readonly<Record<Backend, number>> = { advisory: 7000, table: 13_000 }
const CALM_CHANCE = 0.08

/** After a strike it takes a lease, a connection attempt and a poll until nothing of it is felt any more. */
const ECHO_MS: Readonly<Record<Backend, number>> = { advisory: 1500 + 3000, table: 4000 * (5 / 3) + 3000 }

/** How long the server may take to let go of what the workers left. */
const CLEAN_LIMIT_MS = 15_000

export interface RoundOrder {
  readonly seed: number
  readonly ms: number
  readonly workers: number
  readonly isStrict: boolean
  readonly backend: Backend
  /** Of the journals. */
  readonly folder: string
  readonly say: (what: string) => void
}

/** One round: workers that contend, strikes by a seed, and everything that was seen. */
export async function runRound(cluster: Cluster, order: RoundOrder): Promise<History> {
  const database = `chaos_${order.seed}_${order.isStrict ? 'strict' : 'plain'}`
  await makeDatabase(cluster, database)
  const pooler = order.backend === 'table' ? await Pooler.to(cluster.urlOf(database)) : null
  const watch = new Watch(() => cluster.urlOf(database), order.backend)
  const random = new SeededRandom(order.seed)
  const workers = await Promise.all(
    Array.from({ length: order.workers }, (_, i) =>
      startWorker({ url: pooler?.url ?? cluster.urlOf(database), pooler, index: i, order }),
    ),
  )
  await Promise.all(workers.map((worker) => worker.untilReady()))
  watch.begin()
  const strikes = await strikeFor(order, {
    random,
    leaseMs: LEASE_MS[order.backend],
    cluster,
    workers,
    watch,
    pooler,
  })
  order.say('letting everybody finish')
  await sleep(ECHO_MS[order.backend])
  await Promise.all(workers.map((worker) => worker.stop()))
  const endedAt = sharedNow()
  await Promise.all(workers.map((worker) => worker.proxy.close()))
  await pooler?.close()
  const leaks = await cleanedUp(order.backend, cluster.urlOf(database), watch)
  await watch.end()
  const history: History = {
    leaseMs: LEASE_MS[order.backend],
    isStrict: order.isStrict,
    endedAt,
    lives: workers.flatMap((worker) => worker.lives()),
    strikes,
    calms: calmsBetween(strikes, ECHO_MS[order.backend], endedAt),
    sightings: watch.sightings,
    writes: await acceptedWrites(cluster.urlOf(database)),
    leaks,
  }
  await dropDatabase(cluster, database)
  return history
}

interface Place {
  readonly url: string
  readonly pooler: Pooler | null
  readonly index: number
  readonly order: RoundOrder
}

/** Behind a pooler every other process listens past it, and the others only look. */
async function startWorker({ url, pooler, index, order }: Place): Promise<WorkerProcess> {
  const { seed, isStrict, backend, folder } = order
  const name = `w${index + 1}`
  const listenUrl = index % 2 === 0 ? (pooler?.directUrl ?? null) : null
  return WorkerProcess.at(url, name, (life, byProxy) => ({
    process: `${name}.${life}`,
    url: byProxy,
    journal: journalPath(folder, `${name}.${life}`),
    seed: seed * 1000 + index * 100 + life,
    leaseMs: LEASE_MS[backend],
    isStrict,
    backend,
    listenUrl,
    keys: KEYS,
    callers: CALLERS,
  }))
}

async function strikeFor({ ms, backend, say }: RoundOrder, scene: Scene): Promise<Strike[]> {
  const { random, workers } = scene
  const strikes: Strike[] = []
  await sleep(1500)
  for (const until = sharedNow() + ms; sharedNow() < until;) {
    await sleep(random.chance(CALM_CHANCE) ? CALM_MS[backend] : random.below(LONGEST_PAUSE_MS))
    const strike = pickStrike(scene)
    const { kind, letsGo, forgets, isPause, isSilence, hits } = strike
    const worker = random.pick(workers)
    const process = hits === 'worker' ? worker.process : null
    say(process === null ? kind : `${kind} (${process})`)
    await strike.prepare?.(scene)
    const from = sharedNow()
    await strike.act(scene, worker)
    strikes.push({
      kind,
      process,
      letsGo: letsGo ?? false,
      forgets: forgets ?? false,
      isPause: isPause ?? false,
      isSilence: isSilence ?? false,
      from,
      to: sharedNow(),
    })
  }
  return strikes
}

/** Where the server has forgotten something, as much again until its locks are granted again. */
function calmsBetween(strikes: readonly Strike[], echoMs: number, endedAt: number): Span[] {
  return strikes
    .map(({ to, forgets }, i) => ({
      from: to + echoMs * (forgets ? 2 : 1),
      to: strikes[i + 1]?.from ?? endedAt,
    }))
    .filter(({ from, to }) => to > from)
}

const JANITOR = 'janitor'

/** Rows of a process that was killed are cleaned up by any other. When all have gone, one has to come. */
async function cleanedUp(backend: Backend, url: string, watch: Watch): Promise<readonly string[]> {
  if (backend === 'advisory') return leftoversOf(watch)
  const janitor = new LockPool({
    connection: url,
    applicationName: JANITOR,
    backend,
    leaseMs: LEASE_MS[backend],
  })
  try {
    await janitor.ready()
    // Keeps its session, and with it the heartbeats that look at the others.
    await using _kept = await janitor.acquire('janitor', { timeoutMs: CLEAN_LIMIT_MS })
    return await leftoversOf(watch)
  } finally {
    await janitor.close({ graceMs: 0 })
  }
}

async function leftoversOf(watch: Watch): Promise<readonly string[]> {
  for (const until = sharedNow() + CLEAN_LIMIT_MS; ;) {
    const left = await watch
      .leftovers(JANITOR)
      .catch((error: Error) => [`the server can't be asked: ${error.message}`])
    if (left.length === 0 || sharedNow() > until) return left
    await sleep(200)
  }
}

async function makeDatabase(cluster: Cluster, name: string): Promise<void> {
  await withClient(cluster.urlOf('postgres'), (client) => client.query(`CREATE DATABASE ${name}`))
  await withClient(cluster.urlOf(name), async (client) => {
    await client.query(CREATE_TABLES)
    for (let key = 1; key <= KEYS; key++) await client.query(ADD_KEY, [String(key)])
  })
}

/** Every replica would copy it. */
async function dropDatabase(cluster: Cluster, name: string): Promise<void> {
  await withClient(cluster.urlOf('postgres'), (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`))
}

async function acceptedWrites(url: string): Promise<Write[]> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<Omit<Write, 'token'> & { token: string }>(ACCEPTED)
    return rows.map((row) => ({ ...row, token: BigInt(row.token) }))
  })
}
