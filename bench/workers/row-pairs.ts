import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import pg from 'pg'
import { LockPool, type LockPoolOptions } from '../../src/index.js'
import { rate, type GoesOn } from '../measure.js'
import { connectTo } from '../server.js'
import { servePairs, type Side } from '../pairs-side.js'
import { CALLERS, POOL_CALLERS, POOL_SIZE, type RowPairsKind } from './row-pairs-terms.js'

/** A hand-written lock table: a row per lock. A caller may take over an expired row. */
const TABLE = `
CREATE TABLE IF NOT EXISTS lock_by_hand (name text PRIMARY KEY, owner uuid NOT NULL, expires_at timestamptz NOT NULL)`
const LOCK = `
INSERT INTO lock_by_hand (name, owner, expires_at) VALUES ($1, $2, now() + interval '15 s')
ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
WHERE lock_by_hand.expires_at < now()
RETURNING name`
const UNLOCK = `DELETE FROM lock_by_hand WHERE name = $1 AND owner = $2`

const BARE_TABLE = `CREATE TABLE IF NOT EXISTS bare_row (id int PRIMARY KEY, owner int) WITH (fillfactor = 50)`
const BARE_ROW = `INSERT INTO bare_row (id) VALUES (1) ON CONFLICT DO NOTHING`
const BARE_WRITE = `UPDATE bare_row SET owner = $1 WHERE id = 1`

const EXPIRES_MS = 15_000
const RELEASE = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end`

const [kind = '', url = '', callers = String(CALLERS)] = process.argv.slice(2)

function openSide(): Promise<Side> {
  switch (kind as RowPairsKind) {
    case 'new names':
      return throughLockpool('table', withNewNames)
    case 'distributed SQL':
      return throughLockpool('table', withNewNames, 'distributed')
    case 'the same names':
      return throughLockpool('table', withSameNames)
    case 'session locks':
      return throughLockpool('advisory', withNewNames)
    case 'a lock table by hand':
      return byHand()
    case 'two bare writes':
      return bareWrites()
    case 'Redis':
      return throughRedis(false)
    case 'Redis, pipelined':
      return throughRedis(true)
  }
}

type Work = (locks: LockPool, goesOn: GoesOn, index: number) => Promise<void>

async function throughLockpool(
  backend: LockPoolOptions['backend'] & string,
  work: Work,
  engine?: 'distributed',
): Promise<Side> {
  // Key names are off: their session would use the connection that is reserved for borrowers.
  const locks = new LockPool({
    connection: url,
    backend,
    ...(engine === undefined ? {} : { engine }),
    max: 3,
    namespace: engine ?? backend,
    keyNames: 'off',
  })
  await locks.ready()
  return {
    run: (seconds) => rate(Number(callers), seconds, (goesOn, index) => work(locks, goesOn, index)),
    end: () => locks.close(),
  }
}

let invoices = 0

/** Most programs use a name once. */
function newName(): string {
  return `invoice ${process.pid} ${invoices++}`
}

async function withNewNames(locks: LockPool, goesOn: GoesOn): Promise<void> {
  while (goesOn()) {
    const lock = await locks.acquire(newName())
    await lock.release()
  }
}

async function withSameNames(locks: LockPool, goesOn: GoesOn, index: number): Promise<void> {
  while (goesOn()) {
    const lock = await locks.acquire(`shop ${index}`)
    await lock.release()
  }
}

/** Uses unnamed statements, because poolers may not support named ones. */
async function byHand(): Promise<Side> {
  const pool = new pg.Pool({ connectionString: url, max: POOL_SIZE })
  await pool.query(TABLE)
  const caller = async (goesOn: GoesOn): Promise<void> => {
    while (goesOn()) {
      const values = [newName(), randomUUID()]
      const { rowCount } = await pool.query(LOCK, values)
      if (rowCount !== 1) throw new Error('a name without a holder was refused')
      await pool.query(UNLOCK, values)
    }
  }
  return { run: (seconds) => rate(POOL_CALLERS, seconds, caller), end: () => pool.end() }
}

/** The least that a lock and an unlock cost if each is a write: an update of one row without a condition. */
async function bareWrites(): Promise<Side> {
  const server = await connectTo(url)
  await server.query(BARE_TABLE)
  await server.query(BARE_ROW)
  const caller = async (goesOn: GoesOn): Promise<void> => {
    while (goesOn()) for (const owner of [1, null]) await server.query(BARE_WRITE, [owner])
  }
  return { run: (seconds) => rate(1, seconds, caller), end: () => server.end() }
}

function throughRedis(enableAutoPipelining: boolean): Promise<Side> {
  const client = new Redis(url, { enableAutoPipelining, connectionName: 'lockpool-bench' })
  client.defineCommand('releaseLock', { numberOfKeys: 1, lua: RELEASE })
  const scripted = client as Redis & { releaseLock(key: string, value: string): Promise<number> }
  const caller = async (goesOn: GoesOn): Promise<void> => {
    while (goesOn()) {
      const name = `lockpool-bench:${newName()}`
      const value = randomUUID()
      if ((await client.set(name, value, 'PX', EXPIRES_MS, 'NX')) === null)
        throw new Error('a name without a holder was refused')
      await scripted.releaseLock(name, value)
    }
  }
  return Promise.resolve({
    run: (seconds) => rate(CALLERS, seconds, caller),
    end: async () => void (await client.quit()),
  })
}

servePairs(await openSide())
