import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { check, type Verdict } from '../chaos/check.js'
import { readAsks } from '../chaos/check/asks.js'
import type { Finding } from '../chaos/check/finding.js'
import { sharedNow, type History, type Moment } from '../chaos/history.js'
import { withClient } from '../chaos/with-client.js'
import { FAULTS, type FaultName } from './faults.js'
import { timingsOf, type Timings } from './figures.js'
import { LEFTOVERS } from './ha-sql.js'
import type { HaOptions } from './options.js'
import { CYCLE_KEY, LONG_KEY } from './orders.js'
import type { PatroniCluster } from './patroni-cluster.js'
import { isPrimary, leaderOf, successorOf, type Member } from './patroni-view.js'
import { Prober } from './prober.js'
import { HaWorker, type Telling } from './worker-process.js'

const WORKERS = ['a', 'b', 'c']

/** How long a cluster may take to have a primary again, and to be whole again. */
const FAIL_OVER_LIMIT_MS = 120_000
const WHOLE_LIMIT_MS = 180_000

/** How long all are watched when they are there again. */
const WATCHED_MS = 10_000

/** How long pools may take to get going, and the server to let go of what they left. */
const WARM_LIMIT_MS = 60_000
const CLEAN_LIMIT_MS = 20_000

const LOOK_EVERY_MS = 100

/** What one round showed. */
export interface RoundResult extends Verdict {
  readonly fault: FaultName
  readonly timings: Timings
  /** The cluster in Patroni's words, before and after. */
  readonly before: readonly Member[]
  readonly after: readonly Member[]
  /** What Patroni's REST interface said, in seconds after the strike. */
  readonly steps: readonly string[]
  /** What pools told: changes of the primary, warnings, refusals. */
  readonly told: readonly string[]
}

/** One fault on a whole cluster, under three processes that lock. */
export async function runRound(
  cluster: PatroniCluster,
  fault: FaultName,
  options: HaOptions,
  say: (what: string) => void,
): Promise<RoundResult> {
  const folder = await mkdtemp(join(cluster.plan.folder, 'journal-'))
  await cluster.whole(WHOLE_LIMIT_MS)
  const before = await cluster.members()
  const primary = cluster.nodeOf(leaderOf(before)!)
  const standby = cluster.nodeOf(successorOf(before)!)
  say('starting')
  const workers = WORKERS.map((process) => startWorker(cluster, folder, process, options))
  const prober = new Prober(cluster.nodes, (node) => cluster.urlOf(node))
  try {
    await warm(workers)
    say(fault)
    const struckAt = sharedNow()
    const steps: string[] = []
    const step = (what: string): void => void steps.push(`${seconds(sharedNow() - struckAt)} ${what}`)
    const undo = await FAULTS[fault].strike(cluster, primary, standby)
    step('struck')
    await newPrimary(cluster, primary.name, FAULTS[fault].mayStay, step)
    if (options.hasNewcomer) workers.push(startWorker(cluster, folder, 'd', options))
    await sleep(options.awayMs)
    say(`${fault}: the old primary comes back`)
    undo()
    step('undone')
    await cluster.whole(WHOLE_LIMIT_MS)
    step('whole again')
    await sleep(WATCHED_MS)
    const again = await grantedAgain(workers, struckAt)
    await Promise.all(workers.map((worker) => worker.stop()))
    await prober.stop()
    const after = await cluster.members()
    const leaks = await leftoversOf(cluster.urlOf(cluster.nodeOf(leaderOf(after)!)))
    const lives = workers.map(({ life }) => life)
    const history = historyOf(lives, options, leaks)
    const timings = timingsOf({ struckAt, oldPrimary: primary.name, lives, writes: prober.writes })
    const told = workers.flatMap((worker) => worker.told.map((telling) => inWords(worker, telling, struckAt)))
    const verdict = check(history)
    const findings = again ? verdict.findings : [...verdict.findings, NOBODY_SERVED]
    return { fault, timings, before, after, steps, told, ...verdict, findings }
  } finally {
    await Promise.all([...workers.map((worker) => worker.stop()), prober.stop()])
    await rm(folder, { recursive: true })
  }
}

function startWorker(
  cluster: PatroniCluster,
  folder: string,
  process: string,
  { leaseMs, isStrict, way }: HaOptions,
): HaWorker {
  const url = cluster.urlBy(way)
  return new HaWorker({ process, url, journal: join(folder, `${process}.jsonl`), leaseMs, isStrict })
}

/** Until the one lock is held, and the other goes from one to the next. */
async function warm(workers: readonly HaWorker[]): Promise<void> {
  for (const until = sharedNow() + WARM_LIMIT_MS; sharedNow() < until;) {
    await sleep(500)
    const asks = readAsks(workers.map(({ life }) => life)).filter(({ code }) => code === 'GRANTED')
    const cycles = asks.filter(({ key }) => key === CYCLE_KEY)
    const all = workers.every(({ orders }) => cycles.some(({ process }) => process === orders.process))
    if (all && cycles.length > 50 && asks.some(({ key }) => key === LONG_KEY)) return
  }
  throw new Error(`the workers do not get going: no grants of "${CYCLE_KEY}"`)
}

/** Strict pools wait a lease after a failover, so this may take a while. */
async function grantedAgain(workers: readonly HaWorker[], struckAt: Moment): Promise<boolean> {
  for (const until = sharedNow() + WARM_LIMIT_MS; sharedNow() < until;) {
    const asks = readAsks(workers.map(({ life }) => life))
    // The last answers of the old primary may come a little later than the strike.
    const since = Math.max(
      struckAt,
      ...asks.filter(({ isLost }) => isLost).map(({ endedAt }) => endedAt ?? 0),
    )
    const isServed = (process: string): boolean =>
      asks.some((ask) => ask.process === process && ask.code === 'GRANTED' && ask.settledAt! > since)
    if (workers.every(({ orders }) => isServed(orders.process))) return true
    await sleep(500)
  }
  return false
}

const NOBODY_SERVED: Finding = { kind: 'lost-wake-up', what: 'a process was granted nothing after the fault' }

async function newPrimary(
  cluster: PatroniCluster,
  old: string,
  mayStay: boolean,
  step: (what: string) => void,
): Promise<void> {
  let hasLeft = false
  for (const until = sharedNow() + FAIL_OVER_LIMIT_MS; sharedNow() < until;) {
    const primaries = await Promise.all(
      cluster.nodes.map(async (node) => ((await isPrimary(node)) ? node.name : null)),
    )
    if (!hasLeft && !primaries.includes(old)) {
      hasLeft = true
      step(`${old} is no primary any more`)
    }
    const now = primaries.find((name) => name !== null && (name !== old || (mayStay && hasLeft)))
    if (now !== undefined && now !== null) return step(`${now} is the primary`)
    // patronictl returns when the restart is done: nobody may have seen that it was away.
    if (mayStay && !hasLeft && primaries.includes(old) && sharedNow() > until - FAIL_OVER_LIMIT_MS + 5000)
      return step(`${old} is still the primary`)
    await sleep(LOOK_EVERY_MS)
  }
  throw new Error(`there is no primary after ${FAIL_OVER_LIMIT_MS / 1000} s`)
}

function historyOf(
  lives: History['lives'],
  { leaseMs, isStrict }: HaOptions,
  leaks: readonly string[],
): History {
  const none = { strikes: [], calms: [], sightings: [], writes: [] }
  return { leaseMs, isStrict, endedAt: sharedNow(), lives, leaks, ...none }
}

/** What the server still has of workers that have ended. */
async function leftoversOf(url: string): Promise<string[]> {
  for (const until = sharedNow() + CLEAN_LIMIT_MS; ;) {
    const { rows } = await withClient(url, (client) => client.query<{ what: string; n: number }>(LEFTOVERS))
    if (rows.length === 0 || sharedNow() > until) return rows.map(({ what, n }) => `${n} of ${what}`)
    await sleep(500)
  }
}

function inWords({ orders }: HaWorker, telling: Telling, struckAt: Moment): string {
  const { what, at, host, timeline, downMs, message, code } = telling
  const said =
    what === 'primary'
      ? `primary:changed ${host}, timeline ${timeline}, down for ${seconds(downMs ?? 0)}`
      : what === 'refused'
        ? `refused: ${code} ${message}`
        : `warning: ${message}`
  return `${seconds(at - struckAt)} ${orders.process} ${said}`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
