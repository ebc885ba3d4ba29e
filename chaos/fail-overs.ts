import { setTimeout as sleep } from 'node:timers/promises'
import { aimAt, type PostgresScene } from './postgres-scene.js'
import { sometime, type StrikeKind } from './strike-kind.js'

/** How long, in leases, a replica may have heard nothing when it has to take over. */
const LONGEST_LAG = 1.2

/**
 * The primary is killed, its replica is promoted, and everybody is sent there: what `postgres` operators do by hand or by
 * program. The replica is behind more often than not, so locks, tokens, marks and writes are lost.
 */
async function failOver(scene: PostgresScene): Promise<void> {
  const { cluster, random, leaseMs } = scene
  const lagMs = random.chance(0.3) ? 0 : LONGEST_LAG * leaseMs * random.next()
  // Whoever connects too soon finds a server that takes no writes.
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
    // The second knows nothing of what was granted by the first, nor even that there was one.
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
