import type { Cluster } from './cluster.js'
import type { Pooler } from './pooler.js'
import type { Scene } from './strike-kind.js'

export interface PostgresScene extends Scene {
  readonly cluster: Cluster
  readonly database: string
  /** The pooler in front of the server, with `backend: 'table'`. */
  readonly pooler: Pooler | null
}

/** Directs new connections to that server. */
export function aimAt({ workers, fronts, pooler }: PostgresScene, port: number): void {
  if (pooler !== null) return pooler.network.aimAt(port)
  for (const { proxy } of [...workers, ...fronts.map(({ front }) => front)]) proxy.aimAt(port)
}
