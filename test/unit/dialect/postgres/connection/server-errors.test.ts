import { describe, expect, test } from 'vitest'
import { explain } from '../../../../../src/dialect/postgres/connection/server-errors.js'

describe('errors', () => {
  test.each([
    [
      { code: '53200', message: 'out of shared memory' },
      'LOCK_TABLE_FULL',
      true,
      /max_locks_per_transaction/,
    ],
    [{ code: '28P01', message: 'password authentication failed' }, 'CONNECTION_FAILED', false, /28P01/],
    [{ code: '3D000', message: 'database "x" does not exist' }, 'CONNECTION_FAILED', false, /does not exist/],
    [
      { code: '57P03', message: 'the database system is starting up' },
      'CONNECTION_FAILED',
      true,
      /starting up/,
    ],
    [
      { code: '28000', message: 'no PostgreSQL user name specified in startup packet' },
      'CONNECTION_FAILED',
      false,
      /^no user name: set DATABASE_URL or PGUSER/,
    ],
    [{ code: '53300', message: 'too many clients' }, 'CONNECTION_FAILED', true, /too many/],
    [
      Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' }),
      'CONNECTION_FAILED',
      true,
      /^connect/,
    ],
    [new AggregateError([new Error('a'), new Error('b')]), 'CONNECTION_FAILED', true, /^a; b$/],
    [Object.assign(new Error(''), { code: 'ECONNRESET' }), 'CONNECTION_FAILED', true, /ECONNRESET/],
    ['odd', 'CONNECTION_FAILED', true, /odd/],
  ])('%o is explained', (error, code, retryable, message) => {
    const source =
      error instanceof Error || typeof error === 'string' ? error : Object.assign(new Error(), error)
    const explained = explain(source)

    expect(explained).toMatchObject({ code, retryable, cause: source })
    expect(explained.message).toMatch(message)
    expect(explain(explained)).toBe(explained)
  })
})
