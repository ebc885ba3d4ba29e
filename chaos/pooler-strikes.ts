import { nextGeneration } from '../src/dialect/postgres/table/generation-sql.js'
import { LIVING_MEMBERS } from './chaos-sql.js'
import type { PostgresScene } from './postgres-scene.js'
import { withClient } from './with-client.js'
import { sometime, type StrikeKind } from './strike-kind.js'

async function inWeather(
  scene: PostgresScene,
  change: (network: NonNullable<PostgresScene['pooler']>['network']) => void,
  from: number,
  to: number,
): Promise<void> {
  const { network } = scene.pooler!
  change(network)
  await sometime(scene, from, to)
  network.mend()
}

const NO_MEMBER = { id: '0', generation: '0' }

/**
 * Moves all rows again and again, on behalf of members. Pools do that only after thousands of operations while a
 * snapshot is open.
 */
async function moveRows(scene: PostgresScene): Promise<void> {
  let isOver = false
  const moving = withClient(scene.cluster.urlOf(scene.database), async (client) => {
    /* oxlint-disable no-await-in-loop -- one move after the other */
    while (!isOver) {
      const { rows } = await client.query<{ id: string; generation: string }>(LIVING_MEMBERS)
      const { id, generation } = rows.length === 0 ? NO_MEMBER : scene.random.pick(rows)
      // It gives up if a statement of a member takes long.
      await client.query(nextGeneration(id, generation)).catch(() => undefined)
      await sometime(scene, 0, 0.05)
    }
    /* oxlint-enable no-await-in-loop */
  })
  // Another strike may end the server meanwhile.
  const moved = moving.catch(() => undefined)
  await sometime(scene, 0.5, 2)
  isOver = true
  await moved
}

/** Faults of a pooler in transaction mode, and of its connections to the server. */
export const POOLER_STRIKES: readonly StrikeKind<PostgresScene>[] = [
  {
    kind: 'kill -9 of the pooler, and another one',
    weight: 3,
    act: ({ pooler }) => pooler!.restart(),
  },
  {
    kind: 'SIGSTOP of the pooler',
    weight: 3,
    async act(scene) {
      scene.pooler!.pause()
      await sometime(scene, 0.1, 1.5)
      scene.pooler!.resume()
    },
  },
  {
    kind: 'rows move to another generation, again and again',
    weight: 4,
    act: moveRows,
  },
  {
    kind: 'answers to the pooler are lost',
    weight: 4,
    act: (scene) => inWeather(scene, ({ toClient }) => (toClient.isLossy = true), 0.1, 1),
  },
  {
    kind: 'connections of the pooler are reset',
    weight: 3,
    act: async ({ pooler }) => pooler!.network.reset(),
  },
  {
    kind: 'a slow network behind the pooler',
    weight: 2,
    act: (scene) =>
      inWeather(
        scene,
        ({ toServer, toClient }) => (toServer.delayMs = toClient.delayMs = scene.random.below(60)),
        1,
        2,
      ),
  },
]
