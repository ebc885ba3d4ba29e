/**
 * What an operation does to a row is decided in SQL by one engine, and by a pure function for the other. Both have the same
 * effects and results, for rows in any state; and so has the store that writes what the function says.
 */
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { systemRandom } from '../../src/base/random.js'
import { clientConfig, readConnection } from '../../src/dialect/postgres/config/connection-config.js'
import { ServerConnection } from '../../src/dialect/postgres/connection/server-connection.js'
import { DistributedRows } from '../../src/dialect/postgres/distributed/row-store.js'
import { CREATE_DISTRIBUTED } from '../../src/dialect/postgres/distributed/schema-sql.js'
import { listOf } from '../../src/dialect/postgres/distributed/stored-row.js'
import { encodeKey } from '../../src/dialect/postgres/keys/key.js'
import { decodeAsk, encodeAsk, type AskRow } from '../../src/dialect/postgres/table/batch.js'
import { BATCH } from '../../src/dialect/postgres/table/batch-sql.js'
import { StatementRunner } from '../../src/dialect/postgres/table/statement-runner.js'
import { CODE, type RowRequest, type RowResult } from '../../src/dialect/rows/operations.js'
import { changed, created, resultOf, type LeaseRow } from '../../src/dialect/rows/row-change.js'
import { LockPool } from '../../src/postgres-lock-pool.js'
import { SeededRandom } from '../../src/testing/seeded-random.js'
import { createDatabase, type TestDatabase } from '../support/database.js'

const [ME, OTHER, THIRD, DEAD] = [1000, 2000, 3000, 4000] as const
const FLOOR = 4096n
const KEYS = 24
const SEEDS = 80

const CODES = Object.values(CODE)

let database: TestDatabase
let client: pg.Client
let connection: ServerConnection

beforeAll(async () => {
  database = await createDatabase()
  const locks = new LockPool({ connection: database.url, backend: 'table' })
  await locks.ready()
  await locks.close()
  client = new pg.Client(database.url)
  await client.connect()
  for (const statement of CREATE_DISTRIBUTED) await client.query(statement)
  await client.query(
    `INSERT INTO lockpool.member (id, floor, lease_ms, namespace, name) VALUES ($1, $2, 1000, '', 'me')`,
    [ME, String(FLOOR)],
  )
  await client.query(`INSERT INTO lockpool.dist_gate (id, epoch, floor) VALUES ($1, 0, $2)`, [
    ME,
    String(FLOOR),
  ])
  const config = clientConfig(readConnection(database.url).settings, 'lockpool test')
  connection = await ServerConnection.open(config, new AbortController().signal)
})

afterAll(async () => {
  await connection.close()
  await client.end()
  await database.drop()
})

function anyRow(random: SeededRandom): LeaseRow | null {
  if (random.chance(0.2)) return null
  const members = [ME, OTHER, THIRD, DEAD]
  const some = (chance: number, signs: readonly number[]): number[] =>
    random.chance(0.4)
      ? []
      : members.flatMap((id) => (random.chance(chance) ? [id * random.pick(signs)] : []))
  const owner = random.pick([null, null, ...members])
  return {
    owner,
    readers: owner === null ? some(0.4, [1]) : [],
    waiters: some(0.5, [1, -1]),
    token: random.pick([1024n, 2048n]),
  }
}

function anyRequest(key: bigint, random: SeededRandom): RowRequest {
  const operation = { kind: 'wait', mode: 'exclusive', key: encodeKey(key, '') } as const
  return { operation, code: random.pick(CODES), token: random.pick([0n, 1024n, 2048n]) }
}

interface Outcome {
  readonly results: readonly (RowResult | null)[]
  readonly rows: ReadonlyMap<string, LeaseRow>
}

/** By the pure function. */
function byFunction(rows: ReadonlyMap<string, LeaseRow>, requests: readonly RowRequest[]): Outcome {
  const after = new Map(rows)
  const results = requests.map(({ operation, code, token }) => {
    const key = operation.key.bits
    const row = rows.get(key)
    const change = { code, token, me: ME, isDead: (each: number) => each === DEAD }
    if (code > CODE.look) {
      if (row !== undefined) return null
      const made = created(code, ME, FLOOR)
      after.set(key, made.row)
      return made.result
    }
    const next = row === undefined ? null : changed(row, change)
    if (next === null) return null
    after.set(key, next)
    return resultOf(next, change)
  })
  return { results, rows: after }
}

/** By the statement of engine `postgres`. */
async function bySql(rows: ReadonlyMap<string, LeaseRow>, requests: readonly RowRequest[]): Promise<Outcome> {
  await client.query('BEGIN')
  for (const [key, { owner, readers, waiters, token }] of rows)
    await client.query(
      'INSERT INTO lockpool.lease (key, owner, readers, waiters, token) VALUES ($1, $2, $3, $4, $5)',
      [key, owner, readers, waiters, String(token)],
    )
  const { codes, keys, tokens, order } = encodeAsk(requests)
  const answer = await client.query<AskRow>(BATCH, [codes, keys, tokens, ME, -ME, 0, [DEAD]])
  const found = await client.query<Record<string, string | string[] | null>>(
    'SELECT key, owner, readers, waiters, token FROM lockpool.lease',
  )
  await client.query('ROLLBACK')
  const numbers = (list: unknown): number[] => ((list as string[] | null) ?? []).map(Number)
  return {
    results: decodeAsk(answer.rows[0]!, requests, order),
    rows: new Map(
      found.rows.map(({ key, owner, readers, waiters, token }) => [
        String(key),
        {
          owner: owner === null ? null : Number(owner),
          readers: numbers(readers),
          waiters: numbers(waiters),
          token: BigInt(String(token)),
        },
      ]),
    ),
  }
}

/** By the store of engine `distributed`. */
async function byStore(
  rows: ReadonlyMap<string, LeaseRow>,
  requests: readonly RowRequest[],
): Promise<Outcome> {
  for (const [key, { owner, readers, waiters, token }] of rows)
    await client.query('INSERT INTO lockpool.dist_lease VALUES ($1, $2, $3, $4, $5, $2)', [
      key,
      ...[String(token), owner ?? 0, listOf(readers), listOf(waiters)],
    ])
  const runner = new StatementRunner((use) => use(connection), 10_000)
  const store = new DistributedRows(runner, { clock: systemClock, random: systemRandom, limitMs: 10_000 })
  const { results } = await store.batch(requests, { id: ME, epoch: '0', dead: [String(DEAD)] })
  const found = await client.query<Record<string, string>>('SELECT * FROM lockpool.dist_lease')
  await client.query('DELETE FROM lockpool.dist_lease')
  const list = (text: string): number[] => (text === '' ? [] : text.trim().split(' ').map(Number))
  return {
    results,
    rows: new Map(
      found.rows.map(({ key, owner, readers, waiters, token }) => [
        key!,
        {
          owner: owner === '0' ? null : Number(owner),
          readers: list(readers!),
          waiters: list(waiters!),
          token: BigInt(token!),
        },
      ]),
    ),
  }
}

const sorted = ({ results, rows }: Outcome): unknown => ({
  results,
  rows: [...rows].toSorted(([a], [b]) => (BigInt(a) < BigInt(b) ? -1 : 1)),
})

test('an operation has the same result and the same effect in SQL, in the process, and through the store', async () => {
  const seen = new Set<string>()
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = new SeededRandom(seed)
    const keys = Array.from({ length: KEYS }, (_, i) => BigInt(i - 6) * 7n)
    const rows = new Map<string, LeaseRow>()
    for (const key of keys) {
      const row = anyRow(random)
      if (row !== null) rows.set(String(key), row)
    }
    const requests = keys.map((key) => anyRequest(key, random))
    const expected = sorted(byFunction(rows, requests))

    expect(sorted(await bySql(rows, requests)), `SQL, seed ${seed}`).toEqual(expected)
    // The store makes a row that is missing by itself, where the other engine lets its caller repeat the operation.
    const known = requests.filter(({ operation, code }) => code > CODE.look || rows.has(operation.key.bits))
    expect(sorted(await byStore(rows, known)), `store, seed ${seed}`).toEqual(sorted(byFunction(rows, known)))
    for (const [i, result] of byFunction(rows, requests).results.entries())
      seen.add(`${requests[i]!.code} ${result === null ? 'refused' : 'done'}`)
  }
  expect(seen.size, 'most codes were both refused and done').toBeGreaterThan(CODES.length * 2 - 5)
})
