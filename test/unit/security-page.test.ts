import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import * as keys from '../../src/dialect/postgres/keys/key.js'
import { CREATE_BATCH_FUNCTIONS } from '../../src/dialect/postgres/table/schema-sql.js'
import { PUBLIC_CHANNEL } from '../../src/dialect/postgres/notify/channel.js'
import { filesOf, read, ROOT, section, tableRows } from '../support/repository.js'

const PAGE = 'docs/concepts/security.md'
const ROWS = tableRows(section(read(PAGE), 'What a stranger can do with each object'))
const FIRST_CELLS = ROWS.map(([what]) => what!).join('\n')

test('each class of our advisory keys has a row', () => {
  const classes = Object.entries(keys).filter(([name]) => name.endsWith('_CLASS'))
  expect(classes.length).toBeGreaterThanOrEqual(7)
  for (const [name, value] of classes) {
    const letters = Buffer.from((value as number).toString(16), 'hex').toString()
    expect(FIRST_CELLS, name).toContain(`\`${letters}\``)
  }
})

test('each table, sequence and channel of ours has a row', () => {
  const sql = filesOf('src', '-sql.ts')
    .filter(({ path }) => !path.startsWith('src/dialect/mysql/'))
    .map(({ path }) => read(path))
  const made = sql.flatMap((text) =>
    [...text.matchAll(/CREATE (?:UNLOGGED )?(?:TABLE|SEQUENCE) IF NOT EXISTS lockpool\.(\w+)/g)].map(
      ([, name]) => name!,
    ),
  )
  expect(made.length).toBeGreaterThanOrEqual(7)
  for (const name of [...made, PUBLIC_CHANNEL, 'lockpool_doctor'])
    expect(FIRST_CELLS, name).toContain(`\`${name}\``)
  expect(sql.join('\n')).not.toMatch(/CREATE (OR REPLACE )?(PROCEDURE|TRIGGER|VIEW)/)
})

test('functions have a row, and run with the rights of their caller under a search path of ours', () => {
  const texts = filesOf('src', '-sql.ts').map(({ path }) => read(path))
  expect(texts.filter((text) => text.includes('CREATE OR REPLACE FUNCTION'))).toHaveLength(1)
  for (const text of CREATE_BATCH_FUNCTIONS) {
    const [, name] = text.match(/CREATE OR REPLACE FUNCTION lockpool\.(\w+)/)!
    expect(FIRST_CELLS).toContain(`\`${name!}\``)
    expect(text).toContain('SET search_path = pg_catalog, pg_temp')
    expect(text).not.toContain('SECURITY DEFINER')
  }
})

test('on MariaDB and MySQL each table has a row, and procedures run with the rights of their caller', () => {
  const cells = tableRows(section(read(PAGE), 'On MariaDB and MySQL'))
    .map(([what]) => what!)
    .join('\n')
  const sql = filesOf('src/dialect/mysql', '-sql.ts').map(({ path }) => read(path))
  const made = sql.flatMap((text) =>
    [...text.matchAll(/CREATE TABLE IF NOT EXISTS (\w+)/g)].map(([, name]) => name!),
  )
  expect(made.length).toBeGreaterThanOrEqual(8)
  for (const name of made) expect(cells, name).toContain(`\`${name}\``)
  const all = sql.join('\n')
  expect(all).not.toMatch(/CREATE (OR REPLACE )?(FUNCTION|TRIGGER|VIEW|EVENT)/)
  const routines = all.split(/CREATE PROCEDURE (?=lockpool_)/).slice(1)
  expect(routines.length).toBeGreaterThanOrEqual(5)
  for (const routine of routines) expect(routine.split('BEGIN')[0]).toContain('SQL SECURITY INVOKER')
})

test('each row names the tests that hold it, and they are there', () => {
  for (const [what, , , tests] of ROWS) {
    const files = [...tests!.matchAll(/`(test\/[\w/-]+\.test\.ts)`(?:: ([^,]+))?/g)]
    expect(files.length, what).toBeGreaterThan(0)
    for (const [, file, name] of files) {
      expect(existsSync(join(ROOT, file!)), file).toBe(true)
      if (name !== undefined) expect(read(file!)).toContain(name)
    }
  }
})
