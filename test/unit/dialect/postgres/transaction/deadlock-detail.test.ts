import { expect, test } from 'vitest'
import { readDeadlock } from '../../../../../src/dialect/postgres/transaction/deadlock-detail.js'

test('the error describes the cycle, starting at its receiver', () => {
  const detail = `Process 11 waits for ExclusiveLock on advisory lock [5,4294967295,4294967295,1]; blocked by process 22.
Process 22 waits for ShareLock on advisory lock [5,1,4294967295,2]; blocked by process 33.
Process 33 waits for ShareLock on transaction 745; blocked by process 44.
Process 44 waits for AccessExclusiveLock on relation 16385 of database 5; blocked by process 55.
Process 55 waits for ExclusiveLock on tuple (0,1) of relation 16385 of database 5; blocked by process 66.
Process 66 waits for ExclusiveLock on extension of relation 9 of database 5; blocked by process 77.
Process 77 waits for ShareLock on virtual transaction 3/14; blocked by process 11.`

  expect(readDeadlock(detail)).toEqual([
    { pid: 11, target: { kind: 'key', id: '-1', text: '-1' } },
    { pid: 22, target: { kind: 'key', id: 'p8589934591', text: '(1, -1)' } },
    { pid: 33, target: { kind: 'other', text: 'a row' } },
    { pid: 44, target: { kind: 'table', table: '16385' } },
    { pid: 55, target: { kind: 'row', table: '16385' } },
    { pid: 66, target: { kind: 'table', table: '9' } },
    { pid: 77, target: { kind: 'other', text: 'virtual transaction 3/14' } },
  ])
})

test('in another language keys and processes are found, and the rest is called a lock', () => {
  const detail = `Prozess 11 wartet auf ExclusiveLock-Sperre auf Advisory-Sperre [5,0,7,1]; blockiert von Prozess 22.
Prozess 22 wartet auf ShareLock-Sperre auf Transaktion 745; blockiert von Prozess 11.`

  expect(readDeadlock(detail)).toEqual([
    { pid: 11, target: { kind: 'key', id: '7', text: '7' } },
    { pid: 22, target: { kind: 'other', text: 'a lock' } },
  ])
})

test.each([
  undefined,
  '',
  'See server log for query details.',
  'Process 11 waits for ShareLock on transaction 1; blocked by process 22.',
  'Process 11 waits for ShareLock on transaction 1; blocked by process 22.\nProcess 33 waits; blocked by process 11.',
])('another message is not taken for a cycle: %s', (detail) => {
  expect(readDeadlock(detail)).toBeNull()
})
