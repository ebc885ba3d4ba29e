import { setTimeout as sleep } from 'node:timers/promises'
import { aimAt, type PostgresScene } from './postgres-scene.js'
import { sometime, type StrikeKind } from './strike-kind.js'

/** The longest time, in leases, for which a replica has received nothing before it must take over. */
const LONGEST_LAG = 1.2

/**
 * Kills the primary, promotes its replica, and redirects all clients, as operators of PostgreSQL do by hand or by
 * program. The replica usually lags behind, so locks, tokens, hold records and writes are lost.
 */
async function failOver(scene: PostgresScene): Promise<void> {
  const { cluster, random, leaseMs } = scene
  const lagMs = random.chance(0.3) ? 0 : LONGEST_LAG * leaseMs * random.next()
  // A client that connects too early finds a server that accepts no writes.
  if (random.chance(0.3)) aimAt(scene, cluster.standbyPort!)
  const signal = random.chance(0.7) ? 'SIGKILL' : 'SIGQUIT'
  await cluster.failOver({ whileBehind: () => sleep(lagMs), signal })
  aimAt(scene, cluster.port)
}

export const FAIL_OVERS: readonly StrikeKind<PostgresScene>[] = [
  {
    kind: 'a standby is promoted',
    weight: 3,
    letsGo: true,
    forgets: true,
    prepare: ({ cluster }) => cluster.addStandbys(1),
    act: failOver,
  },
  {
    kind: 'a standby is promoted while a process is stopped',
    weight: 3,
    letsGo: true,
    forgets: true,
    isPause: true,
    hits: 'worker',
    prepare: ({ cluster }) => cluster.addStandbys(1),
    async act(scene, worker) {
      worker.pause()
      await failOver(scene)
      await sometime(scene, 0, 0.5)
      worker.resume()
    },
  },
  {
    // The second replica knows nothing about the grants of the first one, nor that it existed.
    kind: 'two standbys are promoted, one after the other',
    weight: 2,
    letsGo: true,
    forgets: true,
    prepare: ({ cluster }) => cluster.addStandbys(2),
    async act(scene) {
      await failOver(scene)
      await sometime(scene, 0.2, 1.5)
      await failOver(scene)
    },
  },
]
