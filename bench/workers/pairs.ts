import pg from 'pg'
import { hashName, LockPool } from '../../src/index.js'
import { rate, type GoesOn } from '../measure.js'
import { connectTo } from '../server.js'
import { servePairs, type Side } from '../pairs-side.js'
import {
  APPLICATION,
  POOL_SIZE,
  CALLERS,
  REFERENCE_CALLERS,
  SESSIONS,
  type PairsKind,
} from './pairs-terms.js'

const LOCK = { name: 'lock', text: 'SELECT pg_try_advisory_lock($1)' }
const UNLOCK = { name: 'unlock', text: 'SELECT pg_advisory_unlock($1)' }

/** Makes many pairs in the server, without messages in between. */
const PAIRS_ALONE = `
SELECT
  count(CASE WHEN pg_try_advisory_lock(k) THEN nextval('lockpool.fence') END),
  count(CASE WHEN pg_advisory_unlock(k) THEN 1 END)
FROM generate_series(1, $1::int8) AS keys (k)`

const [kind = '', url = '', pairsPerStatement = ''] = process.argv.slice(2)

async function openSide(): Promise<Side> {
  switch (kind as PairsKind) {
    case 'new-names':
      return throughLockpool(`${APPLICATION}-new`, withNewNames)
    case 'same-names':
      return throughLockpool(APPLICATION, withSameNames)
    case 'pg.Pool':
      return throughPool()
    case 'connection-per-lock':
      return {
        run: (seconds) => rate(REFERENCE_CALLERS, seconds, connectionPerLock),
        end: () => Promise.resolve(),
      }
    case 'server-alone':
      return serverAlone(Number(pairsPerStatement))
  }
}

type Work = (locks: LockPool, goesOn: GoesOn, index: number) => Promise<void>

async function throughLockpool(applicationName: string, work: Work): Promise<Side> {
  // Key names are off: their session would use the connection that is reserved for borrowers.
  const settings = { max: SESSIONS + 1, applicationName, keyNames: 'off' } as const
  const locks = new LockPool({ connection: url, ...settings })
  await locks.ready()
  return {
    run: (seconds) => rate(CALLERS, seconds, (goesOn, index) => work(locks, goesOn, index)),
    end: () => locks.close(),
  }
}

/** A thousand names, each used again and again. */
async function withSameNames(locks: LockPool, goesOn: GoesOn, index: number): Promise<void> {
  const key = `throughput ${index}`
  let last = 0n
  while (goesOn()) {
    const lock = await locks.acquire(key)
    if (lock.token <= last) throw new Error(`token ${lock.token} was drawn after ${last}`)
    last = lock.token
    await lock.release()
  }
}

let invoices = 0

/** Most programs use a name once. */
function newName(): string {
  return `invoice ${invoices++}`
}

async function withNewNames(locks: LockPool, goesOn: GoesOn): Promise<void> {
  while (goesOn()) {
    const lock = await locks.acquire(newName())
    await lock.release()
  }
}

/** Uses the same names as ours, hashed in the same way. */
function throughPool(): Side {
  const pool = new pg.Pool({ connectionString: url, max: POOL_SIZE })
  const caller = async (goesOn: GoesOn): Promise<void> => {
    while (goesOn()) {
      const values = [hashName(newName(), '')]
      const client = await pool.connect()
      await client.query({ ...LOCK, values })
      await client.query({ ...UNLOCK, values })
      client.release()
    }
  }
  return { run: (seconds) => rate(REFERENCE_CALLERS, seconds, caller), end: () => pool.end() }
}

async function connectionPerLock(goesOn: GoesOn, index: number): Promise<void> {
  const values = [index]
  while (goesOn()) {
    const client = await connectTo(url)
    await client.query(LOCK.text, values)
    await client.query(UNLOCK.text, values)
    await client.end()
  }
}

/** One caller, one statement after another. */
async function serverAlone(pairs: number): Promise<Side> {
  const server = await connectTo(url)
  const statement = { name: 'alone', text: PAIRS_ALONE, values: [pairs] }
  const run = async (seconds: number): Promise<number> => {
    const statements = await rate(1, seconds, async (goesOn) => {
      while (goesOn()) await server.query(statement)
    })
    return statements * pairs
  }
  return { run, end: () => server.end() }
}

servePairs(await openSide())
