/** The brief batch statement has the same effects and answers as the full one, for rows in any state. */
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { encodeKey } from '../../src/dialect/postgres/keys/key.js'
import { decodeBrief, encodeBrief, type BriefRow } from '../../src/dialect/postgres/table/brief-batch.js'
import { BRIEF_BATCH, CALL_BRIEF_BATCH } from '../../src/dialect/postgres/table/brief-batch-sql.js'
import { decodeAsk, encodeAsk, type AskRow } from '../../src/dialect/postgres/table/batch.js'
import { BATCH } from '../../src/dialect/postgres/table/batch-sql.js'
import { answerOf, CODE, type RowRequest, type RowResult } from '../../src/dialect/rows/operations.js'
import { LockPool } from '../../src/postgres-lock-pool.js'
import { SeededRandom } from '../../src/testing/seeded-random.js'
import { createDatabase, type TestDatabase } from '../support/database.js'

const [ME, OTHER, DEAD] = ['1000', '2000', '3000']
const FLOOR = '4096'
const OPERATIONS = 12

let database: TestDatabase
let client: pg.Client

beforeAll(async () => {
  database = await createDatabase()
  const locks = new LockPool({ connection: database.url, backend: 'table' })
  await locks.ready()
  await locks.close()
  client = new pg.Client(database.url)
  await client.connect()
  await client.query(
    `INSERT INTO lockpool.member (id, floor, lease_ms, namespace, name) VALUES ($1, $2, 1000, '', 'me')`,
    [ME, FLOOR],
  )
})

afterAll(async () => {
  await client.end()
  await database.drop()
})

/** Inserts a row in a random state, or no row. */
async function makeRow(key: bigint, random: SeededRandom): Promise<void> {
  if (random.chance(0.3)) return
  const members = [ME, OTHER, DEAD]
  const listOf = (signs: readonly string[]): string[] | null =>
    random.chance(0.5) ? null : members.filter(() => random.chance(0.4)).map((id) => random.pick(signs) + id)
  const owner = random.pick([null, ...members])
  const readers = owner === null ? listOf(['']) : null
  await client.query(
    'INSERT INTO lockpool.lease (key, owner, readers, waiters, token) VALUES ($1, $2, $3, $4, $5)',
    [String(key), owner, readers, listOf(['', '-']), random.pick([1024, 2048])],
  )
}

function ask(key: bigint, random: SeededRandom): RowRequest {
  const code = random.pick([CODE.newExclusive, CODE.tryExclusive, CODE.releaseExclusive])
  const kind = code === CODE.releaseExclusive ? 'release' : 'try'
  const token = code === CODE.releaseExclusive ? 1024n : 0n
  return { operation: { kind, mode: 'exclusive', key: encodeKey(key, '') }, code, token }
}

interface Outcome {
  readonly answers: readonly string[]
  readonly tokens: readonly (string | null)[]
  readonly rows: unknown
  readonly rung: number
}

async function outcome(
  asked: readonly RowRequest[],
  carryOut: () => Promise<{ told: (RowResult | null)[]; rung: string | null }>,
): Promise<Outcome> {
  await client.query('SAVEPOINT before')
  const { told, rung } = await carryOut()
  const { rows } = await client.query('SELECT * FROM lockpool.lease ORDER BY key')
  await client.query('ROLLBACK TO before')
  const answers = told.map((each, i) => (each === null ? 'nothing' : answerOf(asked[i]!.operation, each)))
  const tokens = told.map((each, i) => (asked[i]!.operation.kind === 'try' ? (each?.token ?? null) : null))
  return { answers, tokens, rows, rung: Number(rung ?? 0) }
}

for (const [how, text] of [
  ['as a statement', BRIEF_BATCH],
  ['as a function', CALL_BRIEF_BATCH],
] as const) {
  test(`a brief batch has the same results as a full one, ${how}`, async () => {
    let changed = 0
    for (let seed = 1; seed <= 60; seed++) {
      const random = new SeededRandom(seed)
      const keys = Array.from({ length: OPERATIONS }, (_, i) => BigInt(i - 6) * 7n)
      await client.query('BEGIN')
      for (const key of keys) await makeRow(key, random)
      const asked = keys.filter(() => random.chance(0.8)).map((key) => ask(key, random))
      const full = await outcome(asked, async () => {
        const { codes, keys: sorted, tokens, order } = encodeAsk(asked)
        const values = [codes, sorted, tokens, ME, `-${ME}`, 0, [DEAD]]
        const { rows } = await client.query<AskRow & { rung: string }>(BATCH, values)
        return { told: decodeAsk(rows[0]!, asked, order), rung: rows[0]!.rung }
      })
      const brief = await outcome(asked, async () => {
        const { made, keys: sorted, tokens, releases, order } = encodeBrief(asked)
        const values = [made, sorted, tokens, ME, 0, [DEAD], releases]
        const { rows } = await client.query<BriefRow & { rung: string }>(text, values)
        return { told: decodeBrief(rows[0]!, asked, order), rung: rows[0]!.rung }
      })
      await client.query('ROLLBACK')
      expect(brief, `seed ${seed}`).toEqual(full)
      changed += full.answers.filter((each) => each !== 'nothing').length
    }
    expect(changed).toBeGreaterThan(100)
  })
}

test('a member that is dead, or of another epoch, does nothing', async () => {
  const asked = [ask(99n, new SeededRandom(1))]
  const { made, keys, tokens, releases } = encodeBrief(asked)
  const { rows } = await client.query<BriefRow>(BRIEF_BATCH, [made, keys, tokens, ME, 1, [], releases])
  expect(rows[0]!.floor).toBeNull()
  expect((await client.query('SELECT FROM lockpool.lease')).rowCount).toBe(0)
})
