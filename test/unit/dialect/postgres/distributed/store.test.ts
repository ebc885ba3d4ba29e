/** What the store of engine `distributed` sends, and what it makes of errors, with tables in memory. */
import { beforeEach, describe, expect, test } from 'vitest'
import { encodeTableKey } from '../../../../../src/dialect/postgres/table/key.js'
import { DistributedRows } from '../../../../../src/dialect/postgres/distributed/row-store.js'
import type { Runner } from '../../../../../src/dialect/postgres/distributed/row-writer.js'
import { StatementRunner } from '../../../../../src/dialect/postgres/table/statement-runner.js'
import type { PostgresConnection } from '../../../../../src/dialect/postgres/connection/connection.js'
import { CODE, FLAG, type RowRequest } from '../../../../../src/dialect/rows/operations.js'
import { OutcomeUnknown } from '../../../../../src/dialect/rows/statement-runner.js'
import { SeededRandom } from '../../../../../src/testing/seeded-random.js'
import { ManualClock } from '../../../../../src/testing/manual-clock.js'
import { DistTables } from '../../../../simulation/rows/dist-tables.js'
import { RowServer } from '../../../../simulation/rows/row-server.js'
import { rejection } from '../../../../support/fake-world.js'

const [ME, OTHER] = [5_000_000_001, 5_000_000_002]
const ASKING = { id: ME, epoch: '0', dead: [] }

let rows: RowServer
let tables: DistTables
let clock: ManualClock
let sent: { name: string; count: number }[]
/** Called before each statement. It may throw the error of a server. */
let before: (name: string) => void

class FakeRunner implements Runner {
  isOver = false

  rows<Row extends object>({ name }: { name: string }, values: readonly unknown[]): Promise<Row[]> {
    return this.#run(name, values)
  }

  rowsAtLast<Row extends object>({ name }: { name: string }, values: readonly unknown[]): Promise<Row[]> {
    return this.#run(name, values)
  }

  async together<T>(use: Parameters<Runner['together']>[0]): Promise<T> {
    try {
      return (await use(({ name }, values) => this.#run(name, values))) as T
    } catch (error) {
      if ((error as { code?: string }).code === undefined) throw new OutcomeUnknown(error)
      throw error
    }
  }

  async #run<Row extends object>(name: string, values: readonly unknown[]): Promise<Row[]> {
    const keys = values.find(Array.isArray) as unknown[] | undefined
    sent.push({ name: name.replace('lockpool_dist_', ''), count: keys?.length ?? 1 })
    before(name.replace('lockpool_dist_', ''))
    return tables.run(name, values) as Row[]
  }
}

function storeOf(): DistributedRows {
  return new DistributedRows(new FakeRunner(), { clock, random: new SeededRandom(1), limitMs: 1000 })
}

function request(name: string, code: number, token = 0n): RowRequest {
  return { operation: { kind: 'try', mode: 'exclusive', key: encodeTableKey(name, '') }, code, token }
}

async function running<T>(work: Promise<T>): Promise<T> {
  let isOver = false
  void work.finally(() => (isOver = true)).catch(() => undefined)
  for (let i = 0; i < 100 && !isOver; i++) await clock.run(20)
  return work
}

const fails = (code?: string): Error =>
  Object.assign(new Error('from the server'), code === undefined ? {} : { code })

beforeEach(() => {
  rows = tables = new DistTables()
  clock = new ManualClock()
  sent = []
  before = () => undefined
  for (const id of [ME, OTHER]) {
    tables.run('lockpool_dist_member', [id, 1000, '', 'a test'])
    tables.run('lockpool_dist_open_gate', [id])
  }
})

test('a lock with a new name and its release are one statement each', async () => {
  const store = storeOf()
  const taken = await store.batch([request('a', CODE.newExclusive)], ASKING)
  const token = BigInt(taken.results[0]!.token)
  const given = await store.batch([request('a', CODE.releaseExclusive, token)], ASKING)

  expect(taken.results[0]).toMatchObject({ flags: FLAG.owns })
  expect(given.results[0]).toMatchObject({ flags: FLAG.isFree })
  expect(sent.map(({ name }) => name)).toEqual(['make', 'write'])
})

test('a row that another member has written meanwhile is read, and the operation is decided again', async () => {
  const [mine, other] = [storeOf(), storeOf()]
  const [made] = (await mine.batch([request('a', CODE.newExclusive)], ASKING)).results
  await other.batch([request('a', CODE.waitExclusive)], { ...ASKING, id: OTHER })
  sent = []
  const given = await mine.batch([request('a', CODE.releaseExclusive, BigInt(made!.token))], ASKING)

  expect(given.results[0]).toMatchObject({ flags: FLAG.isAwaited })
  expect([...rows.leases.values()]).toMatchObject([{ owner: OTHER, waiters: [] }])
  expect(sent.map(({ name }) => name)).toEqual(['write', 'read', 'write'])
})

test('a refusal is found in the row itself, never in memory', async () => {
  const [mine, other] = [storeOf(), storeOf()]
  const [made] = (await other.batch([request('a', CODE.newExclusive)], { ...ASKING, id: OTHER })).results
  expect((await mine.batch([request('a', CODE.tryExclusive)], ASKING)).results).toEqual([null])
  await other.batch([request('a', CODE.releaseExclusive, BigInt(made!.token))], { ...ASKING, id: OTHER })

  expect((await mine.batch([request('a', CODE.tryExclusive)], ASKING)).results[0]).toMatchObject({
    flags: FLAG.owns,
  })
})

test('rows of others travel alone, and own rows together', async () => {
  const [mine, other] = [storeOf(), storeOf()]
  const names = Array.from({ length: 40 }, (_, i) => `name ${i}`)
  await mine.batch(
    names.map((name) => request(name, CODE.newQueue)),
    ASKING,
  )
  sent = []
  await mine.batch(
    names.map((name) => request(name, CODE.leave)),
    ASKING,
  )
  await other.batch(
    names.map((name) => request(name, CODE.tryExclusive)),
    { ...ASKING, id: OTHER },
  )

  const writes = sent.filter(({ name }) => name === 'write').map(({ count }) => count)
  expect(writes).toEqual([40, ...Array.from({ length: 16 }, () => 1), 24])
})

test('a statement that the server undoes is sent again with fewer rows each time', async () => {
  let conflicts = 3
  before = (name) => {
    if (name === 'make' && conflicts-- > 0) throw fails('40001')
  }
  const names = Array.from({ length: 40 }, (_, i) => `name ${i}`)
  const { results } = await running(
    storeOf().batch(
      names.map((name) => request(name, CODE.newExclusive)),
      ASKING,
    ),
  )

  expect(results.every((each) => each?.flags === FLAG.owns)).toBe(true)
  expect(sent.filter(({ name }) => name === 'make').slice(0, 2)).toMatchObject([{ count: 40 }, { count: 20 }])
})

test('another epoch is reported if nothing has changed', async () => {
  tables.run('lockpool_dist_raise_epoch', [ME, '1'])

  const reply = await storeOf().batch([request('a', CODE.newExclusive)], ASKING)
  expect(reply).toEqual({ floor: null, results: [] })
})

describe('once a part of a batch has happened, its outcome is unknown', () => {
  const both = [request('a', CODE.newExclusive), request('b', CODE.tryExclusive)]

  test('if a later statement is refused', async () => {
    before = (name) => {
      if (name === 'read') throw fails('42501')
    }
    expect(await rejection(running(storeOf().batch(both, ASKING)))).toBeInstanceOf(OutcomeUnknown)
    expect(rows.leases.size).toBe(1)
  })

  test('if the epoch is raised in the middle', async () => {
    let reads = 0
    before = (name) => {
      // The row of `b` is missing, so it is made; before that, its gate is closed.
      if (name === 'make' && reads > 0) tables.run('lockpool_dist_raise_epoch', [ME, '1'])
      if (name === 'read') reads++
    }
    expect(await rejection(running(storeOf().batch(both, ASKING)))).toBeInstanceOf(OutcomeUnknown)
  })

  test('but not if the first one is refused', async () => {
    before = (name) => {
      if (name !== 'read') throw fails('42501')
    }
    expect(await rejection(running(storeOf().batch(both, ASKING)))).toMatchObject({ code: '42501' })
  })
})

test('a read whose answer is lost is sent again', async () => {
  let losses = 2
  before = (name) => {
    if (name === 'read' && losses-- > 0) throw fails()
  }
  const { results } = await running(storeOf().batch([request('a', CODE.tryExclusive)], ASKING))
  expect(results[0]).toMatchObject({ flags: FLAG.owns })
})

test('rows that others write all the time end the batch when the lease is over', async () => {
  before = (name) => {
    if (name === 'make') throw fails('40001')
  }
  expect(await rejection(running(storeOf().batch([request('a', CODE.newExclusive)], ASKING)))).toMatchObject({
    code: 'CONNECTION_FAILED',
  })
})

test.each([
  ['40001', 'undone'],
  ['40P01', 'undone'],
  ['40003', 'unknown'],
  ['XX000', 'unknown'],
  ['08006', 'unknown'],
  ['42501', 'refused'],
])('SQLSTATE %s means that the statement is %s', async (code, meaning) => {
  let attempts = 0
  const connection = {
    query: () => (attempts++ === 0 ? Promise.reject(fails(code)) : Promise.resolve({ rows: [{ n: 1 }] })),
  } as unknown as PostgresConnection
  const runner = new StatementRunner((use) => use(connection), 10_000)
  const work = runner.rows({ name: 'some', text: 'SELECT 1' }, [])

  if (meaning === 'undone') expect(await work).toEqual([{ n: 1 }])
  else if (meaning === 'unknown') expect(await rejection(work)).toBeInstanceOf(OutcomeUnknown)
  else expect(await rejection(work)).toMatchObject({ code })
})

test('a dead member is cleaned up, and its locks pass to the first waiter that is not dead', async () => {
  const [mine, other] = [storeOf(), storeOf()]
  await mine.batch([request('a', CODE.newExclusive), request('b', CODE.newQueue)], ASKING)
  await other.batch([request('a', CODE.waitExclusive)], { ...ASKING, id: OTHER })
  await other.abandon(ME)
  await other.sweep(String(ME), [])

  expect([...rows.leases.values()]).toMatchObject([
    { owner: OTHER, waiters: [] },
    { owner: null, waiters: [] },
  ])
  expect([...rows.members.keys()]).toEqual([OTHER])
  const late = await mine.batch([request('b', CODE.waitExclusive)], ASKING)
  expect(late.floor, 'a statement of the member that comes late').toBeNull()
})
