import { expect, test } from 'vitest'
import { planShare, shareRules, viewOf } from '../../../src/lock/share-plan.js'
import { read, tableRows } from '../../support/repository.js'

/** The defaults of PostgreSQL: max_locks_per_transaction 64, max_connections 100. */
const DEFAULTS = { capacity: 6400, perSession: 64 }

/** The fair part of one of several pools that all want as many entries as possible. */
function partOf(table: typeof DEFAULTS, pools: number): number {
  const use = { pools: pools - 1, announced: 0, foreignAnnounced: 0, foreignHeld: 0, unannounced: 0 }
  const needs = { share: 0, used: 0, needed: table.capacity, mayExceedFair: false }
  return planShare(viewOf(table, use), needs)
}

test('the page on the lock table has the numbers that the code goes by', () => {
  const rows = tableRows(read('docs/concepts/lock-table.md'))
  expect(rows.length).toBeGreaterThanOrEqual(3)
  for (const [server, ...numbers] of rows) {
    const perSession = Number(/\((\d+) x 100\)$|= (\d+)`$/.exec(server!)!.slice(1).find(Boolean))
    const table = { capacity: perSession * 100, perSession }
    const { together, alone, floor } = shareRules(table)
    expect(numbers.map(Number), server).toEqual([table.capacity, together, alone, partOf(table, 5), floor])
  }
})

test('the readme and the docstring of the option have the same', () => {
  const { alone } = shareRules(DEFAULTS)
  const inWords = alone.toLocaleString('en')

  expect(read('README.md')).toContain(`one pool may hold ${inWords} locks at a time`)
  expect(read('src/lock/lock-pool-options.ts')).toContain(`which is ${alone} with PostgreSQL's defaults`)
})
