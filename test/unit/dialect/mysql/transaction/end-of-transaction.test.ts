import { describe, expect, test } from 'vitest'
import {
  endsTransaction,
  mayHaveEndedBeforeError,
} from '../../../../../src/dialect/mysql/transaction/end-of-transaction.js'

/** Has the class name of the driver's result header, and its status flags. */
class ResultSetHeader {
  readonly serverStatus: number

  constructor(serverStatus: number) {
    this.serverStatus = serverStatus
  }
}

const OPEN = new ResultSetHeader(3)
const OVER = new ResultSetHeader(2)

describe('the end of a transaction', () => {
  test.each([
    ['a statement', OVER],
    ['the last of a procedure', [[{ n: 1 }], OVER]],
    ['the first of several statements', [OVER, OPEN]],
    ['one between rows', [[{ n: 1 }], OVER, [{ n: 2 }]]],
  ])('is in the status of %s', (_, result) => {
    expect(endsTransaction('CALL some()', result)).toBe(true)
  })

  test.each([
    'COMMIT',
    'commit and chain',
    ' \n-- well\n# so\n/* COMMENT */ Rollback and no release',
    'ROLLBACK WORK AND CHAIN',
    'START /* a */ TRANSACTION READ ONLY',
    'BEGIN',
    'begin work;',
    'BEGIN -- at once',
    'SELECT 1; COMMIT AND CHAIN; SELECT 2',
    `SELECT ';' ; /* ; */ rollback and chain; SELECT "to"`,
    'SELECT 1; # ;\n START TRANSACTION',
    'SELECT 1 -- it is ours; his too\n; BEGIN; SELECT 2',
  ])('is in the words of a statement behind which another begins: %s', (sql) => {
    expect(endsTransaction(sql, OPEN)).toBe(true)
    expect(endsTransaction({ sql }, OPEN)).toBe(true)
  })

  test.each([
    'ROLLBACK TO SAVEPOINT a',
    'rollback work to a',
    'BEGIN NOT ATOMIC SELECT 1; END',
    'BEGIN NOT ATOMIC SELECT 1; BEGIN SELECT 2; END; END',
    'BEGIN NOT ATOMIC IF x THEN SELECT 1; COMMIT; END IF; END',
    '/* a block */ IF x THEN SELECT 1; COMMIT; END IF',
    `SELECT '${'x'.repeat(5_000_000)};COMMIT;'; SELECT 1`,
    `SELECT 'a;COMMIT;\\';COMMIT;'; SELECT "it's;COMMIT;"`,
    'SELECT 1; -- COMMIT; BEGIN\n SELECT `a;COMMIT`; /* ;COMMIT; */ # ;COMMIT',
    'SELECT 1; ROLLBACK TO a; SELECT 2',
    'START REPLICA',
    `INSERT INTO t VALUES ('COMMIT')`,
    '-- COMMIT\nSELECT 1',
    '/* COMMIT */ SELECT 1',
    'commitment',
  ])('is not in %.60s', (sql) => {
    expect(endsTransaction(sql, OPEN)).toBe(false)
  })

  test.each([
    ['rows', [{ serverStatus: 0 }, { serverStatus: 2 }]],
    ['no rows', []],
    ['rows as lists', [[0], [2]]],
    ['a procedure in it', [[{ serverStatus: 0 }], OPEN]],
    ['no object', undefined],
  ])('is not in %s', (_, result) => {
    expect(endsTransaction('SELECT 1', result)).toBe(false)
  })

  test.each([
    ['COMMIT AND CHAIN; SELECT nonsense', true],
    ['SELECT nonsense; START TRANSACTION; SELECT 1;', true],
    ['SELECT nonsense; COMMIT AND CHAIN;', false],
    ['COMMIT AND CHAIN', false],
    [`SELECT ';COMMIT;' FROM nonsense; SELECT 1`, false],
  ])('%s, which fails, may have ended it before: %s', (sql, may) => {
    expect(mayHaveEndedBeforeError(sql)).toBe(may)
    expect(mayHaveEndedBeforeError({ sql })).toBe(may)
  })
})
