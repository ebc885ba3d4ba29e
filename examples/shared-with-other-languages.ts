/**
 * One lock for programs in several languages: lockpool in this one, plain `pg_advisory_lock` in the others.
 *
 * A name is an ordinary advisory key: the first 64 bits of SHA-256 of namespace, NUL, name. `hashName` computes it
 * here, and SQL_KEY in any client. Numbers work as well: `locks.acquire(4711n)` is `pg_advisory_lock(4711)`, and
 * `locks.acquire([1, 2])` is `pg_advisory_lock(1, 2)`.
 *
 * In psql:
 *
 *     SELECT pg_advisory_lock(('x' || left(encode(sha256(
 *       convert_to('shop', 'UTF8') || '\x00' || convert_to('stock', 'UTF8')), 'hex'), 16))::bit(64)::bigint);
 *
 * In Python, with psycopg. The connection must not go through a pooler in transaction mode, and keeps the lock until it
 * ends:
 *
 *     key = int.from_bytes(hashlib.sha256(b'shop\0stock').digest()[:8], 'big', signed=True)
 *     connection.execute('SELECT pg_advisory_lock(%s)', [key])
 *     ...
 *     connection.execute('SELECT pg_advisory_unlock(%s)', [key])
 *
 * Other programs send no wake-up when they unlock, so lockpool notices the release by polling, about a second later at
 * most. They have no fencing tokens either: tokens order only the holders that use lockpool.
 *
 *     DATABASE_URL=postgres://... node examples/shared-with-other-languages.ts
 */
import { fileURLToPath } from 'node:url'
import { hashName, LockPool } from 'lockpool'

/** The key of a name: `$1` is the namespace, `$2` the name. */
export const SQL_KEY = `('x' || left(encode(sha256(
  convert_to($1, 'UTF8') || '\\x00' || convert_to($2, 'UTF8')), 'hex'), 16))::bit(64)::bigint`

/** The statement that another program must run, for people to copy: its language need not hash anything. */
export function statementFor(name: string, namespace: string): string {
  return `SELECT pg_advisory_lock(${hashName(name, namespace)})`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const locks = new LockPool({ namespace: 'shop' })
  console.log(`Waiting. Another program holds the lock by: ${statementFor('stock', 'shop')}`)
  await locks.withLock('stock', { timeoutMs: Infinity }, () => console.log('held'))
  await locks.close()
}
