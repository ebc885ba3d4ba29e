import { expect, test } from 'vitest'
import * as batches from '../../../../../src/dialect/postgres/locks/batch-sql.js'
import * as announcements from '../../../../../src/dialect/postgres/locks/announcement-sql.js'
import * as heartbeats from '../../../../../src/dialect/postgres/connection/heartbeat-sql.js'
import * as holds from '../../../../../src/dialect/postgres/fencing/hold-record-sql.js'
import * as notifications from '../../../../../src/dialect/postgres/notify/notify-sql.js'
import * as reconciling from '../../../../../src/dialect/postgres/locks/reconcile-sql.js'
import { isLockpoolStatement } from '../../../../../src/dialect/postgres/locks/own-statements.js'
import * as permits from '../../../../../src/dialect/postgres/locks/permit-sql.js'
import * as queues from '../../../../../src/dialect/postgres/locks/server-queue-sql.js'
import { read } from '../../../../support/repository.js'

const SQL: Readonly<Record<string, unknown>> = {
  ...batches,
  ...announcements,
  ...heartbeats,
  ...holds,
  ...notifications,
  ...permits,
  ...queues,
  ...reconciling,
}

/** The names of the SQL constants that a source file prepares. */
function preparedIn(file: string): string[] {
  return [...read(`src/dialect/postgres/${file}`).matchAll(/name: 'lockpool_\w+', text: (\w+)/g)].map(
    ([, name]) => name!,
  )
}

/** Transactions of the program send this statement too, so it does not identify a lock session. */
const ALSO_OTHERS = new Set(['ADVISORY_HOLDERS'])

test('every statement that a lock session prepares identifies it', () => {
  const prepared = [
    'locks/link.ts',
    'locks/batches.ts',
    'locks/permits.ts',
    'fencing/hold-records.ts',
  ].flatMap(preparedIn)
  const own = prepared.filter((name) => !ALSO_OTHERS.has(name))
  expect(own.length).toBeGreaterThan(15)
  expect(own.filter((name) => !isLockpoolStatement(String(SQL[name])))).toEqual([])
})

test('the beginning of such a statement is enough, and a few letters are not', () => {
  expect(isLockpoolStatement(batches.BATCH.slice(0, 500))).toBe(true)
  expect(isLockpoolStatement('SELECT')).toBe(false)
  expect(isLockpoolStatement('SELECT pg_try_advisory_lock(1)')).toBe(false)
})

test('the indentation does not matter: a published package has another one than a clone', () => {
  expect(batches.BATCH).toMatch(/\n +/)
  expect(isLockpoolStatement(batches.BATCH.replaceAll(/\n +/g, '\n').slice(0, 1023))).toBe(true)
})
