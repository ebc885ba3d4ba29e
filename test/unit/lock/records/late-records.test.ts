import { expect, test } from 'vitest'
import type { LockLink, RecordTables } from '../../../../src/dialect/dialect.js'
import { LateRecords, LOOK_AGAIN_MS } from '../../../../src/lock/records/late-records.js'
import { ManualClock } from '../../../../src/testing/manual-clock.js'

const NONE: RecordTables = { keepsNames: false, keepsReports: false }
const ALL: RecordTables = { keepsNames: true, keepsReports: true, receivesRequests: true }

function world(dialect: object = {}) {
  const clock = new ManualClock()
  const state = { tables: NONE, looks: 0 }
  const found: [serverId: number, RecordTables][] = []
  const records = new LateRecords({
    clock,
    connections: { use: (body: (connection: object) => unknown) => Promise.resolve().then(() => body({})) },
    dialect: {
      findRecordTables: () => {
        state.looks++
        return Promise.resolve(state.tables)
      },
      ...dialect,
    },
    found: (link: LockLink, tables: RecordTables) => found.push([link.serverId, tables]),
    warn: () => undefined,
  } as never)
  return { clock, state, found, records }
}

const link = (serverId: number, tables = NONE): LockLink => ({ serverId, ...tables }) as unknown as LockLink

test('sessions from before lockpool install get its tables, and nothing is asked after that', async () => {
  const { clock, state, found, records } = world()
  const gone = link(2)
  for (const each of [link(1), gone, link(3)]) records.joined(each)
  records.detached(gone)
  await clock.run(3 * LOOK_AGAIN_MS)
  expect([found, state.looks]).toEqual([[], 3])

  state.tables = ALL
  await clock.run(LOOK_AGAIN_MS)
  expect(found).toEqual([
    [1, ALL],
    [3, ALL],
  ])
  expect(clock.armed).toBe(0)
})

test('nothing is looked for where the tables exist, or where the database can have none', () => {
  const { clock, records } = world()
  records.joined(link(1, ALL))
  const mysql = world({ findRecordTables: undefined })
  mysql.records.joined(link(1))
  expect([clock.armed, mysql.clock.armed]).toEqual([0, 0])
})

test('no timer is left when it is closed, or when the last session has gone', () => {
  const { clock, records } = world()
  const only = link(1)
  records.joined(only)
  records.detached(only)
  expect(clock.armed).toBe(0)
  records.joined(only)
  records.close()
  expect(clock.armed).toBe(0)
})
