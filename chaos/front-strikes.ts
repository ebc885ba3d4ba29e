import { sometime, stopAndGo, type Scene, type StrikeKind } from './strike-kind.js'
import { NETWORK_STRIKES, WORKER_STRIKES } from './worker-strikes.js'

/** How long a watchdog may take to end its front, in leases: before the lease is over, even on a busy machine. */
const WATCHDOG_LIMIT = 1

/** Faults of `lockpool serve` itself. */
const PROCESS_STRIKES: readonly StrikeKind[] = [
  {
    kind: 'SIGKILL of a front',
    weight: 5,
    letsGo: true,
    hits: 'front',
    async act(scene, _, front) {
      await front.kill()
      await sometime(scene, 0, 0.5)
      await front.start()
    },
  },
  {
    kind: 'SIGTERM of a front',
    weight: 3,
    letsGo: true,
    hits: 'front',
    async act(scene, _, front) {
      await front.terminate()
      await sometime(scene, 0, 0.5)
      await front.start()
    },
  },
  {
    kind: 'SIGSTOP of a front, for less than its watchdog waits',
    weight: 3,
    isPause: true,
    hits: 'front',
    async act(scene, _, front) {
      front.pause()
      await sometime(scene, 0.05, 0.3)
      front.resume()
    },
  },
  {
    kind: 'SIGSTOP of a front, which its watchdog ends',
    weight: 5,
    letsGo: true,
    isPause: true,
    isSilence: true,
    hits: 'front',
    async act(scene, _, front) {
      front.pause()
      await front.untilKilled(scene.leaseMs * WATCHDOG_LIMIT)
      await sometime(scene, 0, 1)
      await front.start()
    },
  },
  {
    kind: 'SIGKILL of a front while a client of it is stopped',
    weight: 3,
    letsGo: true,
    isPause: true,
    hits: 'client',
    async act(scene, worker, front) {
      worker.pause()
      await sometime(scene, 0, 0.3)
      await front.kill()
      await sometime(scene, 0.2, 1.5)
      worker.resume()
      await front.start()
    },
  },
]

/** Like a suspended machine. Neither the watchdog nor the lease protects against it, but tokens do. */
const SUSPENDED: StrikeKind = {
  kind: 'SIGSTOP of a front and its watchdog, for more than a lease',
  weight: 2,
  letsGo: true,
  isPause: true,
  isSilence: true,
  hits: 'front',
  async act(scene, _, front) {
    await stopAndGo(await front.children(), async () => {
      front.pause()
      await sometime(scene, 1.2, 2.5)
      front.resume()
    })
  },
}

/** Faults of the network of a front. */
const FRONT_NETWORK_STRIKES: readonly StrikeKind[] = NETWORK_STRIKES.map((strike) => ({
  ...strike,
  kind: `${strike.kind}, between a front and the server`,
  hits: 'front',
  act: (scene, _, front) => strike.act(scene, front),
}))

/** Faults of programs behind a front. No process takes over from a silent one, because its front keeps its locks. */
const CLIENT_STRIKES: readonly StrikeKind[] = [
  ...WORKER_STRIKES.filter(({ letsGo }) => letsGo !== true).map((strike) =>
    ofClient(strike, strike.kind.replace('a process', 'a client')),
  ),
  ...NETWORK_STRIKES.map((strike) => ({
    ...ofClient(strike, `${strike.kind}, between a client and its front`),
    // Its time limits are kept by the front, which may not be able to say so.
    isPause: true as const,
  })),
]

function ofClient(strike: StrikeKind, kind: string): StrikeKind {
  const ofClient = { ...strike, kind, hits: 'client' as const }
  delete ofClient.isSilence
  return ofClient
}

/** What can happen to fronts and their clients. */
export function frontStrikes({ fronts, isStrict }: Scene): readonly StrikeKind[] {
  if (fronts.length === 0) return []
  const always = [...PROCESS_STRIKES, ...FRONT_NETWORK_STRIKES, ...CLIENT_STRIKES]
  return isStrict ? always : [...always, SUSPENDED]
}
