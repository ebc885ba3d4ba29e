import { setTimeout as sleep } from 'node:timers/promises'
import { SeededRandom } from '../src/testing/seeded-random.js'
import type { ChaosServer, RoundServer } from './chaos-server.js'
import { sharedNow, type History, type Span, type Strike } from './history.js'
import type { Backend, Dialect } from './options.js'
import { pickStrike, type Scene, type StrikeKind } from './strike-kind.js'
import { Watch } from './watch.js'
import { journalPath, WorkerProcess } from './worker-process.js'

/**
 * Rows are written to disk for each lock, and only heartbeats renew them, so on a busy machine that takes longer. Named
 * locks have leases of whole seconds, at least two.
 */
const LEASE_MS: Readonly<Record<Backend, number>> = { advisory: 1500, named: 2000, table: 4000 }
/** The last of them is held for long. */
const KEYS = 5
const CALLERS = 6

/**
 * The longest pause between two strikes. Now and then there is a calm period, long enough to find waiters that get
 * nothing.
 */
const LONGEST_PAUSE_MS = 1500
const CALM_MS: Readonly<Record<Backend, number>> = { advisory: 7000, named: 8000, table: 13_000 }
const CALM_CHANCE = 0.08

/** After a strike, its effects last for a lease, a connection attempt and a poll. */
const ECHO_MS: Readonly<Record<Backend, number>> = {
  advisory: 1500 + 3000,
  named: 2000 + 3000,
  table: 4000 * (5 / 3) + 3000,
}

/** How long the server may take to free what the workers have left. */
const CLEAN_LIMIT_MS = 15_000

export interface RoundOrder {
  readonly seed: number
  readonly ms: number
  readonly workers: number
  readonly isStrict: boolean
  readonly dialect: Dialect
  readonly backend: Backend
  /** The folder of the journals. */
  readonly folder: string
  readonly say: (what: string) => void
}

/** Runs one round: workers that contend, strikes by a seed, and a record of everything that was seen. */
export async function runRound(server: ChaosServer, order: RoundOrder): Promise<History> {
  const { seed, isStrict, backend } = order
  const [leaseMs, echoMs] = [LEASE_MS[backend], ECHO_MS[backend]]
  const name = `chaos_${seed}_${isStrict ? 'strict' : 'plain'}`
  const round = await server.begin({ name, keys: KEYS, backend, leaseMs })
  const watch = new Watch(round.looks)
  const random = new SeededRandom(seed)
  const workers = await Promise.all(
    Array.from({ length: order.workers }, (_, index) => startWorker({ round, index, order })),
  )
  await Promise.all(workers.map((worker) => worker.untilReady()))
  watch.begin()
  const scene = { random, leaseMs, workers, watch }
  const strikes = await strikeFor(order, scene, round.strikes(scene))
  order.say('letting everybody finish')
  await sleep(echoMs)
  await Promise.all(workers.map((worker) => worker.stop()))
  const endedAt = sharedNow()
  await Promise.all(workers.map((worker) => worker.proxy.close()))
  await round.workersHaveGone()
  const leaks = await round.withJanitor(JANITOR, () => leftoversOf(watch))
  await watch.end()
  const history: History = {
    leaseMs,
    isStrict,
    endedAt,
    lives: workers.flatMap((worker) => worker.lives()),
    strikes,
    calms: calmsBetween(strikes, echoMs, endedAt),
    sightings: watch.sightings,
    writes: await round.acceptedWrites(),
    leaks,
  }
  await round.remove()
  return history
}

interface Place {
  readonly round: RoundServer
  readonly index: number
  readonly order: RoundOrder
}

async function startWorker({ round, index, order }: Place): Promise<WorkerProcess> {
  const { seed, isStrict, dialect, backend, folder } = order
  const name = `w${index + 1}`
  return WorkerProcess.at(round.url, name, (life, byProxy) => ({
    process: `${name}.${life}`,
    url: byProxy,
    journal: journalPath(folder, `${name}.${life}`),
    seed: seed * 1000 + index * 100 + life,
    leaseMs: LEASE_MS[backend],
    isStrict,
    dialect,
    backend,
    listenUrl: round.listenUrlOf(index),
    keys: KEYS,
    callers: CALLERS,
  }))
}

async function strikeFor(
  { ms, backend, say }: RoundOrder,
  scene: Scene,
  kinds: readonly StrikeKind[],
): Promise<Strike[]> {
  const { random, workers } = scene
  const strikes: Strike[] = []
  await sleep(1500)
  for (const until = sharedNow() + ms; sharedNow() < until;) {
    await sleep(random.chance(CALM_CHANCE) ? CALM_MS[backend] : random.below(LONGEST_PAUSE_MS))
    const strike = pickStrike(kinds, random)
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

/** If the server has forgotten something, it takes twice as long until its locks are granted again. */
function calmsBetween(strikes: readonly Strike[], echoMs: number, endedAt: number): Span[] {
  return strikes
    .map(({ to, forgets }, i) => ({
      from: to + echoMs * (forgets ? 2 : 1),
      to: strikes[i + 1]?.from ?? endedAt,
    }))
    .filter(({ from, to }) => to > from)
}

const JANITOR = 'janitor'

async function leftoversOf(watch: Watch): Promise<readonly string[]> {
  for (const until = sharedNow() + CLEAN_LIMIT_MS; ;) {
    const left = await watch
      .leftovers(JANITOR)
      .catch((error: Error) => [`the server can't be asked: ${error.message}`])
    if (left.length === 0 || sharedNow() > until) return left
    await sleep(200)
  }
}
