import { FAIL_OVERS } from './fail-overs.js'
import { POOLER_STRIKES } from './pooler-strikes.js'
import { sometime, type Scene, type StrikeKind } from './strike-kind.js'
import type { WorkerProcess } from './worker-process.js'

/** Sessions of pools, apart from those that listen: what locks are on. */
async function lockSessions({ watch }: Scene): Promise<number[]> {
  const sessions = await watch.sessions()
  return sessions.filter(({ name, listens }) => !name.endsWith('data') && !listens).map(({ pid }) => pid)
}

async function stopAndGo(pids: readonly number[], meanwhile: () => Promise<void>): Promise<void> {
  const stopped = pids.filter((pid) => signal(pid, 'SIGSTOP'))
  await meanwhile()
  for (const pid of stopped) signal(pid, 'SIGCONT')
}

function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    // It has just gone.
    return false
  }
}

async function inWeather(
  worker: WorkerProcess,
  change: (proxy: WorkerProcess['proxy']) => void,
  meanwhile: () => Promise<void>,
): Promise<void> {
  change(worker.proxy)
  await meanwhile()
  worker.proxy.mend()
}

const WORKER_STRIKES: readonly StrikeKind[] = [
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
        sessions.filter(({ name }) => name === `chaos ${worker.process}`).map(({ pid }) => pid),
      )
      await sometime(scene, 0.2, 2)
      worker.resume()
    },
  },
]

const NETWORK_STRIKES: readonly StrikeKind[] = [
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

const SERVER_STRIKES: readonly StrikeKind[] = [
  {
    kind: 'pg_terminate_backend of a lock session',
    weight: 4,
    letsGo: true,
    async act(scene) {
      const pids = await lockSessions(scene)
      if (pids.length > 0) await scene.watch.terminate([scene.random.pick(pids)])
    },
  },
  {
    kind: 'pg_terminate_backend of the listeners',
    weight: 2,
    async act({ watch }) {
      const sessions = await watch.sessions()
      await watch.terminate(sessions.filter(({ listens }) => listens).map(({ pid }) => pid))
    },
  },
  {
    kind: 'a killer of idle sessions',
    weight: 2,
    letsGo: true,
    async act({ watch }) {
      const sessions = await watch.sessions()
      await watch.terminate(sessions.filter(({ idles }) => idles).map(({ pid }) => pid))
    },
  },
  {
    kind: 'SIGSTOP of server processes',
    weight: 3,
    async act(scene) {
      const pids = (await lockSessions(scene)).filter(() => scene.random.chance(0.5))
      await stopAndGo(pids, () => sometime(scene, 0.5, 2))
    },
  },
  {
    kind: 'SIGSTOP of the postmaster',
    weight: 1,
    act: (scene) => stopAndGo([scene.cluster.processId], () => sometime(scene, 0.3, 1.5)),
  },
  {
    kind: 'kill -9 of a server process',
    weight: 2,
    letsGo: true,
    async act(scene) {
      const pids = await lockSessions(scene)
      if (pids.length > 0) signal(scene.random.pick(pids), 'SIGKILL')
      await sometime(scene, 0.3, 0.5)
    },
  },
  { kind: 'a fast restart', weight: 1, letsGo: true, act: ({ cluster }) => cluster.restart('fast') },
  {
    kind: 'an immediate restart',
    weight: 1,
    letsGo: true,
    act: ({ cluster }) => cluster.restart('immediate'),
  },
]

const STRIKES: readonly StrikeKind[] = [
  ...WORKER_STRIKES,
  ...NETWORK_STRIKES,
  ...SERVER_STRIKES,
  ...FAIL_OVERS,
]

const BEHIND_A_POOLER: readonly StrikeKind[] = [...STRIKES, ...POOLER_STRIKES]

export function pickStrike({ random, pooler }: Scene): StrikeKind {
  const kinds = pooler === null ? STRIKES : BEHIND_A_POOLER
  const total = kinds.reduce((sum, { weight }) => sum + weight, 0)
  let left = random.next() * total
  return kinds.find(({ weight }) => (left -= weight) < 0) ?? kinds[0]!
}
