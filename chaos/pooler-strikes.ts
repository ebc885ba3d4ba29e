import type { PostgresScene } from './postgres-scene.js'
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
