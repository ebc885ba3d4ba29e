import { setTimeout as sleep } from 'node:timers/promises'
import { SeededRandom } from '../src/testing/seeded-random.js'
import { closeNetworks, endCast, livesOf, startCast, starvedFronts } from './cast.js'
import type { ChaosServer } from './chaos-server.js'
import type { FrontProcess } from './front-process.js'
import { sharedNow, type History, type Span, type Strike } from './history.js'
import { keyCount } from './lock-keys.js'
import type { Backend, Dialect } from './options.js'
import { pickStrike, type Scene, type StrikeKind } from './strike-kind.js'
import { timingOf } from './timing.js'
import { Watch } from './watch.js'

/** The longest pause between two strikes. */
const LONGEST_PAUSE_MS = 1500
const CALM_CHANCE = 0.08

/** How long the server may take to free what the workers have left. */
const CLEAN_LIMIT_MS = 15_000

export interface RoundOrder {
  readonly seed: number
  readonly ms: number
  readonly workers: number
  readonly isStrict: boolean
  readonly dialect: Dialect
  readonly backend: Backend
  readonly hasFronts: boolean
  /** The folder of the journals. */
  readonly folder: string
  readonly say: (what: string) => void
}

/** Runs one round: workers that contend, strikes by a seed, and a record of everything that was seen. */
export async function runRound(server: ChaosServer, order: RoundOrder): Promise<History> {
  const { seed, isStrict, backend } = order
  const { leaseMs, echoMs } = timingOf(order)
  const name = `chaos_${seed}_${isStrict ? 'strict' : 'plain'}`
  const round = await server.begin({ name, keys: keyCount(order.hasFronts), backend, leaseMs })
  const watch = new Watch(round.looks)
  const random = new SeededRandom(seed)
  const cast = await startCast({ round, order })
  watch.begin()
  const scene = { ...cast, random, isStrict, leaseMs, watch }
  const struck = await strikeFor(order, scene, round.strikes(scene))
  order.say('letting all processes finish')
  await sleep(echoMs)
  await endCast(cast)
  const endedAt = sharedNow()
  await closeNetworks(cast)
  const unordered = await round.workersHaveGone()
  const leaks = await round.withJanitor(JANITOR, () => leftoversOf(watch))
  await watch.end()
  const strikes = [...struck, ...starvedFronts(cast), ...unordered].toSorted((a, b) => a.from - b.from)
  const history: History = {
    leaseMs,
    isStrict,
    endedAt,
    lives: livesOf(cast),
    strikes,
    calms: calmsBetween(strikes, echoMs, endedAt),
    sightings: watch.sightings,
    writes: await round.acceptedWrites(),
    leaks,
  }
  await round.remove()
  return history
}

async function strikeFor(order: RoundOrder, scene: Scene, kinds: readonly StrikeKind[]): Promise<Strike[]> {
  const { ms, say } = order
  const { random, workers, fronts } = scene
  const strikes: Strike[] = []
  await sleep(1500)
  for (const until = sharedNow() + ms; sharedNow() < until;) {
    await sleep(random.chance(CALM_CHANCE) ? timingOf(order).calmMs : random.below(LONGEST_PAUSE_MS))
    const strike = pickStrike(kinds, random)
    const { kind, letsGo, forgets, isPause, isSilence, hits } = strike
    const worker = random.pick(workers)
    const pair = fronts.length === 0 ? null : random.pick(fronts)
    const hit = hits === undefined ? null : hits === 'worker' ? worker : pair![hits]
    const process = hit?.process ?? null
    say(process === null ? kind : `${kind} (${process})`)
    await strike.prepare?.(scene)
    const from = sharedNow()
    await strike.act(
      scene,
      hits === 'worker' ? worker : (pair?.client ?? worker),
      pair?.front as FrontProcess,
    )
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
