/** A failed attempt to lock in a transaction is one error in the server's log, whatever statements followed the attempt. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EmbeddedPostgres } from '../../src/embedded/index.js'
import type { LockTransaction } from '../../src/dialect/postgres/transaction/lock-transaction.js'
import { LockPool } from '../../src/postgres-lock-pool.js'
import { startServer } from '../support/own-server.js'
import { complaints } from '../support/server-log.js'

let server: EmbeddedPostgres
let locks: LockPool
/** Transactions of this pool hold what the other pool requests. */
let others: LockPool

beforeAll(async () => {
  server = await startServer({ log_min_messages: 'warning', log_min_error_statement: 'warning' })
  locks = new LockPool({ connection: server.url })
  others = new LockPool({ connection: server.url })
  await locks.connections.query(`CREATE TABLE taken AS SELECT 1 AS id`)
})

afterAll(async () => {
  await Promise.all([locks.close(), others.close()])
  await server.stop()
})

const TIMED_OUT = 'canceling statement due to lock timeout'

/** Attempts that fail as their options require, each with the message in the server's log. */
const FAILURES: Readonly<
  Record<string, readonly [said: string, act: (tx: LockTransaction) => Promise<unknown>]>
> = {
  'a lock that is not free in time': [TIMED_OUT, (tx) => tx.lock('taken', { timeoutMs: 100 })],
  'rows that are not free in time': [TIMED_OUT, (tx) => tx.lockRows('taken', { id: 1 }, { timeoutMs: 100 })],
  'all rows that are not free in time': [TIMED_OUT, (tx) => tx.lockRows('taken', {}, { timeoutMs: 100 })],
  'a table that is not free in time': [
    TIMED_OUT,
    (tx) => tx.lockTable('taken', 'exclusive', { timeoutMs: 100 }),
  ],
  'rows that are not free at once': [
    'could not obtain lock on row in relation "taken"',
    (tx) => tx.lockRows('taken', { id: 1 }, { wait: 'nowait' }),
  ],
  'a table that is not free at once': [
    'could not obtain lock on relation "taken"',
    (tx) => tx.lockTable('taken', 'exclusive', { wait: 'nowait' }),
  ],
}

test.each(Object.entries(FAILURES))('%s: the server logs it once', async (_, [text, act]) => {
  const before = (await complaints(server)).length

  await others.transaction(async (holder) => {
    await holder.lock('taken')
    await holder.lockRows('taken', { id: 1 })
    await locks.transaction(async (tx) => {
      // The failing attempt follows a successful one, whose cleanup has not been sent yet.
      await tx.lock('free')
      await expect(act(tx)).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' })
      await tx.query('SELECT 1')
    })
  })

  const said = (await complaints(server)).slice(before).filter((line) => !line.startsWith('STATEMENT: '))
  expect(said).toEqual([`ERROR: ${text}`])
})

test('a successful attempt has its own limit', async () => {
  await locks.connections.query(`
    CREATE TABLE late (id int);
    CREATE FUNCTION tell_limit() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO limits VALUES (current_setting('lock_timeout')); RETURN NULL; END $$;
    CREATE TABLE limits (at_commit text);
    CREATE CONSTRAINT TRIGGER tell AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION tell_limit()`)

  await locks.transaction(async (tx) => {
    await tx.query(`SET LOCAL lock_timeout = '77s'`)
    await tx.query('INSERT INTO late VALUES (1)')
    await tx.lock('free', { timeoutMs: 5000 })
  })

  expect((await locks.connections.query('SELECT * FROM limits')).rows).toEqual([{ at_commit: '77s' }])
})
