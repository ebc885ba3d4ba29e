import pg from 'pg'
import { afterEach } from 'vitest'
import type { LockWorld } from './lock-world.js'

/** Options of a `pg.Pool`. */
export interface Wanted {
  readonly min?: number
  /** The number of connections for borrowers. */
  readonly max?: number
  readonly idleTimeoutMillis?: number
  readonly connectionTimeoutMillis?: number
  readonly maxLifetimeSeconds?: number
  readonly maxUses?: number
  readonly onConnect?: (client: pg.PoolClient) => unknown
  readonly verify?: (client: pg.PoolClient, done: (error?: Error) => void) => void
  readonly log?: (...messages: unknown[]) => void
}

const pools: pg.Pool[] = []

/** A `pg.Pool` and `locks.connections`, for tests that must pass with both. */
export function poolsOf(
  world: LockWorld,
): readonly (readonly [name: string, make: (wanted?: Wanted) => pg.Pool])[] {
  return [
    [
      'pg.Pool',
      (wanted = {}) => {
        const pool = new pg.Pool({
          connectionString: world.database.url,
          max: 2,
          ...(wanted as pg.PoolConfig),
        })
        pools.push(pool)
        return pool
      },
    ],
    [
      'locks.connections',
      ({ max = 2, min = 0, maxUses, onConnect, verify, log, ...wanted } = {}) =>
        world.pool({
          ...(maxUses === undefined ? {} : { maxUses }),
          ...(onConnect && { onConnect }),
          ...(verify && { verify }),
          ...(log && { log }),
          min,
          // One more connection, because one is reserved for lock sessions.
          max: max + 1,
          idleTimeoutMs: wanted.idleTimeoutMillis ?? 10_000,
          acquireTimeoutMs: wanted.connectionTimeoutMillis || Infinity,
          maxLifetimeMs:
            wanted.maxLifetimeSeconds === undefined ? Infinity : wanted.maxLifetimeSeconds * 1000,
        }).connections,
    ],
  ]
}

afterEach(() => {
  const open = pools.splice(0).filter((pool) => !pool.ending)
  return Promise.all(open.map((pool) => pool.end()))
})

/** The types of `pg` do not declare `processID`. */
export function pidOf(client: pg.PoolClient): number {
  return (client as unknown as { readonly processID: number }).processID
}
