/**
 * Migrations that run once, although every instance of a service starts them.
 *
 * All instances wait for the first one, and then find nothing to do. Each migration is a transaction that checks the
 * token of its lock. If the lock is lost because the process was suspended, another instance may have continued, and
 * later statements of this one are refused.
 *
 *     DATABASE_URL=postgres://... node examples/migrate-once.ts
 */
import { fileURLToPath } from 'node:url'
import { LockPool } from 'lockpool'

export interface Migration {
  readonly name: string
  readonly sql: string
}

/** Runs the migrations that have not run yet, in order, and returns their names. */
export async function migrate(locks: LockPool, migrations: readonly Migration[]): Promise<string[]> {
  // Longer than the longest migration, so that waiting instances do not give up and crash.
  return locks.withLock('migrations', { timeoutMs: 600_000 }, async (lock) => {
    await locks.connections.use((connection) =>
      connection.query('CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY)'),
    )
    const done: string[] = []
    for (const { name, sql } of migrations) {
      const ran = await locks.transaction(async (tx) => {
        await lock.guard(tx)
        const { rowCount } = await tx.query('INSERT INTO migration VALUES ($1) ON CONFLICT DO NOTHING', [
          name,
        ])
        if (rowCount === 0) return false
        await tx.query(sql)
        return true
      })
      if (ran) done.push(name)
    }
    return done
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const locks = new LockPool()
  const done = await migrate(locks, [
    { name: '001 customers', sql: 'CREATE TABLE customer (id int PRIMARY KEY, name text NOT NULL)' },
  ])
  console.log(done.length === 0 ? 'nothing to do' : `done: ${done.join(', ')}`)
  await locks.close()
}
