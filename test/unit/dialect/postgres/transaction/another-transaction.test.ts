import { expect, test } from 'vitest'
import { isAnotherTransaction } from '../../../../../src/dialect/postgres/transaction/another-transaction-sql.js'

test.each([
  [['COMMIT'], 'COMMIT AND CHAIN', true],
  [['COMMIT', 'BEGIN'], 'COMMIT; BEGIN', true],
  [['ROLLBACK'], 'rollback and chain', true],
  [['ROLLBACK'], 'ROLLBACK WORK /* all */ AND -- at once\n CHAIN', true],
  [['ROLLBACK', 'BEGIN'], 'ROLLBACK; BEGIN', true],
  [['ROLLBACK', 'START'], 'ROLLBACK; START TRANSACTION', true],
  [['ROLLBACK'], 'ROLLBACK TO SAVEPOINT own', false],
  [['ROLLBACK', 'SELECT'], "ROLLBACK TO own; SELECT 'band chain'", false],
  [['BEGIN', 'ROLLBACK'], 'BEGIN; ROLLBACK TO own', false],
  [['SELECT'], "SELECT 'and chain'", false],
  [[undefined], '', false],
])('%j to %j: another transaction is %s', (commands, text, is) => {
  expect(isAnotherTransaction(commands, text)).toBe(is)
})
