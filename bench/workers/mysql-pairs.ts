import { createPool, type Pool } from 'mysql2/promise'
import { LockPool } from '../../src/mysql.js'
import { rate, type GoesOn } from '../measure.js'
import { servePairs, type Side } from '../pairs-side.js'
import { CALLERS, POOL_CALLERS, POOL_SIZE, SESSIONS, type MysqlPairsKind } from './mysql-pairs-terms.js'

const GET_LOCK = `SELECT GET_LOCK(?, 0)`
const RELEASE_LOCK = `SELECT RELEASE_LOCK(?)`
const TABLE = `CREATE TABLE IF NOT EXISTS bare_row (id INT PRIMARY KEY, owner INT NULL, token BIGINT NOT NULL DEFAULT 0) ENGINE = InnoDB`
const ROW = `INSERT IGNORE INTO bare_row (id) VALUES (?)`
const TAKE = `UPDATE bare_row SET owner = ?, token = token + 1 WHERE id = ? AND owner IS NULL`
const GIVE = `UPDATE bare_row SET owner = NULL WHERE id = ? AND owner = ?`

const [kind = '', url = '', leaseMs = '15000'] = process.argv.slice(2)

function openSide(): Promise<Side> {
  switch (kind as MysqlPairsKind) {
    case 'named':
      return throughLockpool('named', CALLERS, newName)
    case 'named, 4 slots':
      return throughLockpool('named', CALLERS, newName, 4)
    case 'named, 16 slots':
      return throughLockpool('named', CALLERS, newName, 16)
    case 'one caller, named, 4 slots':
      return throughLockpool('named', 1, oldName, 4)
    case 'one caller, named, 16 slots':
      return throughLockpool('named', 1, oldName, 16)
    case 'rows, new names':
      return throughLockpool('table', CALLERS, newName)
    case 'rows, names that repeat':
      return throughLockpool('table', CALLERS, oldName)
    case 'one caller, named':
      return throughLockpool('named', 1, oldName)
    case 'one caller, rows':
      return throughLockpool('table', 1, oldName)
    case 'GET_LOCK and RELEASE_LOCK':
      return statements(POOL_CALLERS, byName)
    case 'one caller, GET_LOCK and RELEASE_LOCK':
      return statements(1, byName)
    case 'two bare updates':
      return statements(POOL_CALLERS, byRow)
    case 'one caller, two bare updates':
      return statements(1, byRow)
  }
}

let invoices = 0

/** Most programs use a name once. */
function newName(): string {
  return `invoice ${process.pid} ${invoices++}`
}

function oldName(index: number): string {
  return `shop ${index}`
}

async function throughLockpool(
  backend: 'named' | 'table',
  callers: number,
  name: (index: number) => string,
  sharedSlots = 0,
): Promise<Side> {
  const locks = new LockPool({
    connection: url,
    backend,
    leaseMs: Number(leaseMs),
    max: SESSIONS + 1,
    sharedSlots,
    namespace: `${backend} ${sharedSlots}`,
    // The names of keys would be written on the connection that is kept for borrowers.
    keyNames: 'off',
  })
  await locks.ready()
  const caller = async (goesOn: GoesOn, index: number): Promise<void> => {
    while (goesOn()) {
      const lock = await locks.acquire(name(index))
      await lock.release()
    }
  }
  return { run: (seconds) => rate(callers, seconds, caller), end: () => locks.close() }
}

type Pair = (pool: Pool, index: number) => Promise<void>

/** The usual way by hand: a pooled connection for each lock, a statement to lock and one to unlock. */
const byName: Pair = async (pool) => {
  const name = newName()
  const connection = await pool.getConnection()
  await connection.execute(GET_LOCK, [name])
  await connection.execute(RELEASE_LOCK, [name])
  connection.release()
}

/** The least that a lock and an unlock cost if each is a write. */
const byRow: Pair = async (pool, index) => {
  await pool.execute(TAKE, [1, index])
  await pool.execute(GIVE, [index, 1])
}

async function statements(callers: number, pair: Pair): Promise<Side> {
  const pool = createPool({ uri: url, connectionLimit: POOL_SIZE })
  await pool.query(TABLE)
  for (let index = 0; index < callers; index++) await pool.query(ROW, [index])
  const caller = async (goesOn: GoesOn, index: number): Promise<void> => {
    while (goesOn()) await pair(pool, index)
  }
  return { run: (seconds) => rate(callers, seconds, caller), end: () => pool.end() }
}

servePairs(await openSide())
