import { sometime, type Scene, type StrikeKind } from './strike-kind.js'
import type { WorkerProcess } from './worker-process.js'

/** What has a network: a process, or a front. */
type Place = Pick<WorkerProcess, 'proxy'>

export type NetworkStrike = Omit<StrikeKind, 'act'> & { act(scene: Scene, place: Place): Promise<void> }

async function inWeather(
  { proxy }: Place,
  change: (proxy: WorkerProcess['proxy']) => void,
  meanwhile: () => Promise<void>,
): Promise<void> {
  change(proxy)
  await meanwhile()
  proxy.mend()
}

/** Faults of a process. */
export const WORKER_STRIKES: readonly StrikeKind[] = [
  {
    kind: 'SIGKILL of a process',
    weight: 3,
    hits: 'worker',
    async act(scene, worker) {
      await worker.kill()
      await sometime(scene, 0, 1)
      worker.start()
    },
  },
  {
    kind: 'SIGSTOP of a process, for less than a lease',
    weight: 2,
    isPause: true,
    hits: 'worker',
    async act(scene, worker) {
      worker.pause()
      await sometime(scene, 0.1, 0.8)
      worker.resume()
    },
  },
  {
    kind: 'SIGSTOP of a process, for more than a lease',
    weight: 4,
    isPause: true,
    isSilence: true,
    hits: 'worker',
    async act(scene, worker) {
      worker.pause()
      await sometime(scene, 1.2, 2.5)
      worker.resume()
    },
  },
  {
    kind: 'SIGSTOP of a process, whose sessions are terminated',
    weight: 3,
    isPause: true,
    letsGo: true,
    hits: 'worker',
    async act(scene, worker) {
      worker.pause()
      const sessions = await scene.watch.sessions()
      await scene.watch.terminate(
        sessions.filter(({ isData, isOf }) => !isData && isOf(worker)).map(({ pid }) => pid),
      )
      await sometime(scene, 0.2, 2)
      worker.resume()
    },
  },
]

/** Faults of the network between a process and the server. */
export const NETWORK_STRIKES: readonly NetworkStrike[] = [
  {
    kind: 'a slow network',
    weight: 2,
    hits: 'worker',
    act: (scene, worker) =>
      inWeather(
        worker,
        ({ toServer, toClient }) => (toServer.delayMs = toClient.delayMs = scene.random.below(120)),
        () => sometime(scene, 1, 2),
      ),
  },
  {
    kind: 'a network that delivers in pieces',
    weight: 1,
    hits: 'worker',
    act: (scene, worker) =>
      inWeather(
        worker,
        ({ toServer, toClient }) => (toServer.pieceSize = toClient.pieceSize = 1 + scene.random.below(3)),
        () => sometime(scene, 0.5, 1),
      ),
  },
  {
    kind: 'a partition that heals',
    weight: 4,
    isSilence: true,
    hits: 'worker',
    act: (scene, worker) =>
      inWeather(
        worker,
        ({ toServer, toClient }) => (toServer.isStalled = toClient.isStalled = true),
        () => sometime(scene, 0.3, 2.5),
      ),
  },
  {
    kind: 'a black hole',
    weight: 3,
    isSilence: true,
    hits: 'worker',
    act: (scene, worker) =>
      inWeather(
        worker,
        ({ toServer, toClient }) => (toServer.isLossy = toClient.isLossy = true),
        () => sometime(scene, 1.2, 2.5),
      ),
  },
  {
    kind: 'answers are lost',
    weight: 3,
    hits: 'worker',
    act: (scene, worker) =>
      inWeather(
        worker,
        ({ toClient }) => (toClient.isLossy = true),
        () => sometime(scene, 0.5, 2),
      ),
  },
  {
    kind: 'connections are reset',
    weight: 2,
    letsGo: true,
    hits: 'worker',
    async act(_, worker) {
      worker.proxy.reset()
    },
  },
]

const HOUR_MS = 3_600_000

/** A fault for locks with leases. They must bear it, because their lease does not depend on the time of day. */
export const CLOCK_STRIKE: StrikeKind = {
  kind: 'the clock of a process is set by an hour',
  weight: 4,
  hits: 'worker',
  act: async ({ random }, worker) => worker.stepClock(random.chance(0.5) ? HOUR_MS : -HOUR_MS),
}
