import type { Entrant, Servers } from './contender.js'
import { advisoryLocks } from './contenders/advisory-lock.js'
import { connectionPerLock } from './contenders/connection-per-lock.js'
import { lockpool } from './contenders/lockpool.js'
import { pgPool } from './contenders/pg-pool.js'
import { postgresJs } from './contenders/postgres-js.js'
import { redis } from './contenders/redis.js'
import { redlock } from './contenders/redlock.js'

export const ENTRANTS: readonly Entrant[] = [
  lockpool,
  pgPool,
  postgresJs,
  connectionPerLock,
  advisoryLocks,
  redis,
  redlock,
]

export function entrantsFor(servers: Servers): readonly Entrant[] {
  return ENTRANTS.filter(({ needsRedis }) => !needsRedis || servers.redis !== null)
}
