import { FrontProcess } from './front-process.js'
import type { Life, Strike } from './history.js'
import { keyCount } from './lock-keys.js'
import type { Orders } from './orders.js'
import type { RoundServer } from './chaos-server.js'
import type { RoundOrder } from './round.js'
import type { FrontPair } from './strike-kind.js'
import { timingOf } from './timing.js'
import { journalPath, WorkerProcess } from './worker-process.js'

/** The number of fronts. One program locks through each of them. */
const FRONTS = 2

/** The callers in each process. In a program behind a front, each caller has its own connection. */
const CALLERS = 6

/** All processes that contend in a round. */
export interface Cast {
  readonly workers: readonly WorkerProcess[]
  readonly fronts: readonly FrontPair[]
}

export interface Stage {
  readonly round: RoundServer
  readonly order: RoundOrder
}

/** Starts all processes. Resolves when they have begun. */
export async function startCast(stage: Stage): Promise<Cast> {
  const { workers: count, hasFronts } = stage.order
  const workers = await Promise.all(Array.from({ length: count }, (_, i) => startWorker(stage, i)))
  const fronts = await Promise.all(
    Array.from({ length: hasFronts ? FRONTS : 0 }, (_, i) => startFront(stage, i)),
  )
  await Promise.all([...workers, ...fronts.map(({ client }) => client)].map((each) => each.untilReady()))
  return { workers, fronts }
}

/** Asks the programs to end, and then the fronts. */
export async function endCast({ workers, fronts }: Cast): Promise<void> {
  const programs = [...workers, ...fronts.map(({ client }) => client)]
  await Promise.all(programs.map((program) => program.stop()))
  await Promise.all(fronts.map(({ front }) => front.terminate()))
}

/** Closes the networks when no process needs them any more. */
export async function closeNetworks({ workers, fronts }: Cast): Promise<void> {
  const places = [...workers, ...fronts.flatMap(({ front, client }) => [front, client])]
  await Promise.all(places.map(({ proxy }) => proxy.close()))
}

function startWorker({ round, order }: Stage, index: number): Promise<WorkerProcess> {
  const name = `w${index + 1}`
  return WorkerProcess.at(round.url, name, (life, byProxy) => ({
    ...ordersFor(order, `${name}.${life}`),
    url: byProxy,
    seed: order.seed * 1000 + index * 100 + life,
    listenUrl: round.listenUrlOf(index),
  }))
}

async function startFront({ round, order }: Stage, index: number): Promise<FrontPair> {
  const [name, clientName] = [`f${index + 1}`, `c${index + 1}`]
  const front = await FrontProcess.at({
    name,
    url: round.url,
    leaseMs: timingOf(order).leaseMs,
    isStrict: order.isStrict,
  })
  const client = await WorkerProcess.at(
    front.url,
    clientName,
    (life, byProxy) => ({
      ...ordersFor(order, `${clientName}.${life}`),
      url: byProxy,
      seed: order.seed * 1000 + 500 + index * 100 + life,
      listenUrl: null,
    }),
    { file: 'front-client.js', behind: name },
  )
  front.onPort((port) => client.proxy.aimAt(port))
  return { front, client }
}

function ordersFor(order: RoundOrder, process: string): Omit<Orders, 'url' | 'seed' | 'listenUrl'> {
  const { folder, isStrict, dialect, backend, hasFronts } = order
  return {
    process,
    journal: journalPath(folder, process),
    leaseMs: timingOf(order).leaseMs,
    isStrict,
    dialect,
    backend,
    keys: keyCount(hasFronts),
    callers: CALLERS,
  }
}

/** What all processes recorded, and how they ended. */
export function livesOf({ workers, fronts }: Cast): Life[] {
  return [...workers, ...fronts.flatMap(({ front, client }) => [front, client])].flatMap((each) =>
    each.lives(),
  )
}

/** Fronts that their watchdog ended, because the busy machine did not run them for half a lease. */
export function starvedFronts({ fronts }: Cast): Strike[] {
  const kind = 'a front that its watchdog ended by itself'
  const strike = { kind, letsGo: true, forgets: false, isPause: false, isSilence: false }
  return fronts.flatMap(({ front }) =>
    front.starved.map((at): Strike => ({ ...strike, process: front.name, from: at - 100, to: at })),
  )
}
