/** The statements of engine `distributed` stay within what CockroachDB, YugabyteDB and Aurora DSQL document. */
import { expect, test } from 'vitest'
import { offencesIn, RULES, Tree } from '../../../../support/documented-sql.js'
import { ownStatements } from '../../../../support/own-sql.js'

test('every statement in the folder, and those that it shares with other backends', async () => {
  const ours = (await ownStatements()).filter(
    ({ name }) =>
      name.startsWith('distributed/') ||
      [
        'connection/heartbeat-sql ALIVE',
        'fencing/guard-sql GUARD_WRITE',
        'fencing/guard-sql GUARD_READ',
      ].includes(name),
  )
  expect(ours.length).toBeGreaterThan(50)
  expect(ours.flatMap(({ name, text }) => offencesIn(text).map((each) => `${name}: ${each}`))).toEqual([])
})

test.each(RULES)('$engine: $what would be found', ({ isBroken, example }) => {
  expect(isBroken(new Tree(example))).toBe(true)
})

test('the statements of engine "postgres" break rules of each engine', async () => {
  const others = (await ownStatements()).filter(({ name }) => name.startsWith('table/'))
  const broken = new Set(others.flatMap(({ text }) => offencesIn(text).map((each) => each.split(':')[0])))
  expect([...broken]).toEqual(expect.arrayContaining(['CockroachDB', 'YugabyteDB', 'Aurora DSQL']))
})
