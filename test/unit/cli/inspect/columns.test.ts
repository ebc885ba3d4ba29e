import { expect, test } from 'vitest'
import { tableLines, type Column } from '../../../../src/cli/inspect/columns.js'

interface Row {
  readonly name: string
  readonly since: string
  readonly waits: string
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'lock', cell: ({ name }) => name, widest: 40 },
  { title: 'for', cell: ({ since }) => since, isSpare: true },
  { title: 'longest', cell: ({ waits }) => waits, isRight: true },
]

const ROWS: readonly Row[] = [{ name: 'invoice 4711 of November', since: '21 s', waits: '19 s' }]

test('cells are cut before a column is omitted', () => {
  expect(tableLines(COLUMNS, ROWS, 32)).toEqual({
    head: 'lock               for   longest',
    body: ['invoice 4711 of …  21 s     19 s'],
  })
})

test('in a window that is too narrow, a less important column is omitted, and no unit is cut off', () => {
  expect(tableLines(COLUMNS, ROWS, 20)).toEqual({
    head: 'lock         longest',
    body: ['invoice 47…     19 s'],
  })
})
