import { expect, test } from 'vitest'
import { membersOf } from '../../../../src/cli/run/command-processes.js'
import type { ProcessRow } from '../../../../src/cli/run/process-table.js'

const US = 10

function row(pid: number, parent: number, more: Partial<ProcessRow> = {}): ProcessRow {
  return { pid, parent, group: 1, session: 1, foreground: -1, startedAt: `at ${pid}`, ...more }
}

function members(
  rows: ProcessRow[],
  session: number | null = null,
  seen = new Map<number, string>(),
): number[] {
  return membersOf(rows, US, session, seen)
    .map(({ pid }) => pid)
    .toSorted((a, b) => a - b)
}

test('descendants belong to it at any depth and in any order, and this process, its parent and its siblings do not', () => {
  const rows = [row(14, 13), row(13, 12), row(1, 0), row(US, 1), row(12, US), row(11, 1), row(15, 11)]

  expect(members(rows)).toEqual([12, 13, 14])
})

test('an orphan is found by its session, and its children with it', () => {
  const rows = [row(US, 1), row(20, 1, { session: 12 }), row(21, 20, { session: 21 }), row(30, 1)]

  expect(members(rows, 12)).toEqual([20, 21])
  expect(members(rows), 'without a session of its own it is lost').toEqual([])
})

test('a process that was seen before is recognized, unless another process has its number by now', () => {
  const rows = [row(US, 1), row(20, 1), row(21, 1, { startedAt: 'later' })]

  expect(
    members(
      rows,
      null,
      new Map([
        [20, 'at 20'],
        [21, 'at 21'],
      ]),
    ),
  ).toEqual([20])
})

test('a table that changed while it was read does not make a cycle endless', () => {
  expect(members([row(12, US), row(13, 14), row(14, 13), row(15, 15)])).toEqual([12])
  expect(members([row(12, US), row(13, 12), row(12, 13)])).toEqual([12, 12, 13])
})
