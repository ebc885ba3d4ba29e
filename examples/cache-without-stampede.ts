/**
 * A cache whose entries are computed once, even if many callers in many processes miss one at the same moment.
 *
 * The first caller computes the entry. The others wait for the lock and then find the entry; the check after the lock
 * is what matters. If the computation takes longer than a caller wants to wait, the caller gets an old value. That is a
 * policy that you can change.
 *
 *     DATABASE_URL=postgres://... node examples/cache-without-stampede.ts
 */
import { fileURLToPath } from 'node:url'
import { LockPool } from 'lockpool'

/**
 * Any store that all processes share: a table, Redis, a file. An entry that is too old is stale, but still better than
 * none.
 */
export interface Cache {
  get(key: string): Promise<{ readonly value: string; readonly isStale: boolean } | null>
  set(key: string, value: string): Promise<void>
}

export async function cached(
  locks: LockPool,
  cache: Cache,
  key: string,
  compute: () => Promise<string>,
  waitMs = 5000,
): Promise<string> {
  const found = await cache.get(key)
  if (found !== null && !found.isStale) return found.value
  try {
    return await locks.withLock(`cache ${key}`, { timeoutMs: waitMs }, async () => {
      const meanwhile = await cache.get(key)
      if (meanwhile !== null && !meanwhile.isStale) return meanwhile.value
      const value = await compute()
      await cache.set(key, value)
      return value
    })
  } catch (error) {
    if (found !== null && (error as { code?: unknown }).code === 'LOCK_TIMEOUT') return found.value
    throw error
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const locks = new LockPool()
  const entries = new Map<string, string>()
  const cache: Cache = {
    get: (key) => Promise.resolve(entries.has(key) ? { value: entries.get(key)!, isStale: false } : null),
    set: (key, value) => Promise.resolve(void entries.set(key, value)),
  }
  let computed = 0
  const compute = (): Promise<string> => Promise.resolve(`value ${++computed}`)
  await Promise.all(Array.from({ length: 1000 }, () => cached(locks, cache, 'front page', compute)))
  console.log(`1000 callers, computed ${computed} time`)
  await locks.close()
}
