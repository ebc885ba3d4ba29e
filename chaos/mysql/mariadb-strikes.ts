import type { OwnMariaDb } from '../../test/support/own-mariadb.js'
import { sometime, stopAndGo, type Scene, type StrikeKind } from '../strike-kind.js'
import type { MariaDbLooks } from './mariadb-looks.js'

export interface MariaDbScene extends Scene {
  readonly server: OwnMariaDb
  readonly looks: MariaDbLooks
}

async function lockSessions({ watch }: Scene): Promise<number[]> {
  const sessions = await watch.sessions()
  return sessions.filter(({ isData, listens }) => !isData && !listens).map(({ pid }) => pid)
}

async function restart({ server }: MariaDbScene, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  await server.halt(signal)
  await server.boot()
}

/** `letsGo` concerns named locks only: locks that are rows outlive every session. */
export const MARIADB_STRIKES: readonly StrikeKind<MariaDbScene>[] = [
  {
    kind: 'KILL of a lock session',
    weight: 4,
    letsGo: true,
    async act(scene) {
      const pids = await lockSessions(scene)
      if (pids.length > 0) await scene.watch.terminate([scene.random.pick(pids)])
    },
  },
  {
    kind: 'KILL of the sessions that listen',
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
    kind: 'KILL QUERY of whatever runs, again and again',
    weight: 4,
    async act({ watch, looks, random }) {
      for (let times = 5 + random.below(20); times > 0; times--) {
        const sessions = await watch.sessions()
        await looks.interrupt(sessions.filter(() => random.chance(0.5)).map(({ pid }) => pid))
      }
    },
  },
  {
    kind: 'SIGSTOP of the server, for less than a lease',
    weight: 2,
    act: (scene) => stopAndGo([scene.server.pid], () => sometime(scene, 0.1, 0.8)),
  },
  {
    kind: 'SIGSTOP of the server, for more than a lease',
    weight: 2,
    act: (scene) => stopAndGo([scene.server.pid], () => sometime(scene, 1.1, 2)),
  },
  { kind: 'a restart', weight: 1, letsGo: true, act: (scene) => restart(scene, 'SIGTERM') },
  {
    kind: 'kill -9 of the server, and a restart',
    weight: 2,
    letsGo: true,
    act: (scene) => restart(scene, 'SIGKILL'),
  },
  {
    // Only the stopped process knows what it did in the meantime.
    kind: 'kill -9 of the server while a process is stopped',
    weight: 2,
    letsGo: true,
    isPause: true,
    hits: 'worker',
    async act(scene, worker) {
      worker.pause()
      await restart(scene, 'SIGKILL')
      await sometime(scene, 0, 1)
      worker.resume()
    },
  },
]
