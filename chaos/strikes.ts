import { FAIL_OVERS } from './fail-overs.js'
import { frontStrikes } from './front-strikes.js'
import { POOLER_STRIKES } from './pooler-strikes.js'
import type { PostgresScene } from './postgres-scene.js'
import { bound, signal, sometime, stopAndGo, type Scene, type StrikeKind } from './strike-kind.js'
import { CLOCK_STRIKE, NETWORK_STRIKES, WORKER_STRIKES } from './worker-strikes.js'

/** The sessions of pools, except the listeners: they carry the locks. */
async function lockSessions({ watch }: Scene): Promise<number[]> {
  const sessions = await watch.sessions()
  return sessions.filter(({ isData, listens }) => !isData && !listens).map(({ pid }) => pid)
}

const SERVER_STRIKES: readonly StrikeKind<PostgresScene>[] = [
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

/** All strikes for this scene. */
export function strikesOf(scene: PostgresScene): StrikeKind[] {
  const ofServer = bound([...SERVER_STRIKES, ...FAIL_OVERS], scene)
  const always = [...WORKER_STRIKES, ...NETWORK_STRIKES, ...ofServer, ...frontStrikes(scene)]
  return scene.pooler === null ? always : [...always, ...bound(POOLER_STRIKES, scene), CLOCK_STRIKE]
}
