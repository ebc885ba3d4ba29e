import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Ledger } from '../../src/cli/demo/ledger.js'
import { ledgerStatements, type LedgerStatements } from '../../src/cli/demo/ledger-sql.js'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()
let ledger: Ledger
let statements: LedgerStatements

beforeEach(async () => {
  ledger = await Ledger.create(world.database.url, randomBytes(4).toString('hex'))
  statements = ledgerStatements(ledger.schema)
  await ledger.fill(3, 10_000)
})

afterEach(() => ledger.drop())

function read(accounts: readonly [number, number], token: number): Promise<unknown> {
  const [from, to] = accounts
  return world.database.query(statements.read, [from, token, to, token])
}

/** Sends the write of a writer that has read a balance of 100.00 in each account. */
async function move(accounts: readonly [number, number], token: number, amount: number): Promise<number> {
  const [from, to] = accounts
  const values = [from, token, 10_000 - amount, to, token, 10_000 + amount, amount]
  return (await world.database.query(statements.write, values)).rowCount!
}

test('a write that arrives after a later holder has read one of the accounts changes neither', async () => {
  await read([1, 2], 5)
  await read([3, 2], 6)

  expect(await move([1, 2], 5, 700), 'of one that was killed').toBe(0)
  expect(await move([3, 2], 6, 100)).toBe(2)

  expect(await ledger.state()).toMatchObject({
    cents: 30_000,
    wrongAccounts: 0,
    wrongCents: 0,
    regressions: 0,
  })
})

test('two writers that write stale values are found, although the sum is right', async () => {
  await read([1, 2], 5)
  await move([1, 2], 5, 700)
  await move([2, 1], 5, 400)

  expect(await ledger.state()).toMatchObject({ cents: 30_000, wrongAccounts: 2, wrongCents: 1400 })
})

test('a cent that is moved from one account to another is found', async () => {
  await world.database.query(`UPDATE ${ledger.schema}.account SET cents = cents + id - 2`)

  expect(await ledger.state()).toMatchObject({ cents: 30_000, wrongAccounts: 2, wrongCents: 2 })
})

test('a token that comes twice is counted, per account', async () => {
  await read([1, 2], 5)
  await read([2, 3], 5)
  await read([3, 1], 4)

  expect(await ledger.state()).toMatchObject({ reads: 6, regressions: 3 })
})
