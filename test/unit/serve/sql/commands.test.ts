import { describe, expect, test } from 'vitest'
import { recognize } from '../../../../src/serve/sql/recognize.js'
import type { Statement } from '../../../../src/serve/sql/statement.js'

const one = (text: string): Statement => {
  const { statements, problem } = recognize(text, { standardConformingStrings: true })
  expect(problem).toBeNull()
  expect(statements).toHaveLength(1)
  return statements[0]!
}

describe('transactions', () => {
  test.each([
    ['BEGIN', 'begin', 'BEGIN', null, false],
    ['begin work', 'begin', 'BEGIN', null, false],
    ['BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE', 'begin', 'BEGIN', null, false],
    ['START TRANSACTION READ ONLY, DEFERRABLE', 'begin', 'START TRANSACTION', null, false],
    ['END', 'commit', 'COMMIT', null, false],
    ['COMMIT AND CHAIN', 'commit', 'COMMIT', null, true],
    ['ABORT', 'rollback', 'ROLLBACK', null, false],
    ['ROLLBACK AND NO CHAIN', 'rollback', 'ROLLBACK', null, false],
    ['SAVEPOINT a', 'savepoint', 'SAVEPOINT', 'a', false],
    ['ROLLBACK TO SAVEPOINT "A"', 'rollback-to', 'ROLLBACK', 'A', false],
    ['ROLLBACK TO savepoint', 'rollback-to', 'ROLLBACK', 'savepoint', false],
    ['RELEASE b', 'release', 'RELEASE', 'b', false],
    ["PREPARE TRANSACTION 'x'", 'prepare', 'PREPARE TRANSACTION', 'x', false],
    ["COMMIT PREPARED 'x'", 'commit-prepared', 'COMMIT PREPARED', 'x', false],
  ])('%s', (text, action, tag, name, isChained) => {
    expect(one(text)).toMatchObject({ kind: 'transaction', action, tag, name, isChained })
  })
})

describe('settings', () => {
  test.each([
    ["SET lock_timeout = '2s'", 'session', 'lock_timeout', '2s'],
    ['SET LOCAL lock_timeout TO 5000', 'local', 'lock_timeout', '5000'],
    ['SET SESSION lock_timeout TO DEFAULT', 'session', 'lock_timeout', null],
    ["SET TIME ZONE 'UTC'", 'session', 'timezone', 'UTC'],
    ["SET NAMES 'utf8'", 'session', 'client_encoding', 'utf8'],
    ['SET search_path TO "$user", public', 'session', 'search_path', '"$user", public'],
    ['SET ROLE x', 'session', 'role', 'x'],
    ['SET SESSION AUTHORIZATION DEFAULT', 'session', 'session_authorization', null],
    ['SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY', 'session', 'session_characteristics', null],
    ['SET TRANSACTION ISOLATION LEVEL READ COMMITTED', 'local', 'transaction', null],
    ['SET CONSTRAINTS ALL DEFERRED', 'local', 'constraints', null],
    ['SET a.B = -1', 'session', 'a.b', '-1'],
  ])('%s', (text, scope, name, value) => {
    expect(one(text)).toMatchObject({ kind: 'set', scope, name, value })
  })

  test.each([
    ['SHOW transaction isolation level', 'show', 'transaction_isolation'],
    ['show TimeZone', 'show', 'timezone'],
    ['SHOW ALL', 'show', 'all'],
    ['RESET ALL', 'reset', 'all'],
    ['RESET SESSION AUTHORIZATION', 'reset', 'session_authorization'],
  ])('%s', (text, kind, name) => {
    expect(one(text)).toMatchObject({ kind, name })
  })

  test('DISCARD', () => {
    expect(one('DISCARD ALL')).toMatchObject({ kind: 'discard', target: 'all' })
    expect(one('DISCARD TEMPORARY')).toMatchObject({ kind: 'discard', target: 'temp' })
  })

  test('set_config is a column', () => {
    expect(one("SELECT pg_catalog.set_config('lock_timeout', '5s', false)")).toMatchObject({
      kind: 'select',
      locks: false,
      columns: [
        { value: { is: 'set-config', setting: 'lock_timeout', value: { value: '5s' }, isLocal: false } },
      ],
    })
  })

  test('set_config takes its value from a parameter', () => {
    for (const value of ['$1', '$1::text'])
      expect(one(`SELECT set_config('lock_timeout', ${value}, true)`)).toMatchObject({
        kind: 'select',
        columns: [{ value: { is: 'set-config', value: { is: 'parameter', index: 1 }, isLocal: true } }],
        parameters: ['text'],
      })
    expect(one("SELECT set_config('lock_timeout', $1::int8::text, true)")).toMatchObject({ kind: 'other' })
  })
})

test.each([
  ['LISTEN a', 'listen', 'a'],
  ['UNLISTEN *', 'unlisten', null],
  ['COPY t FROM STDIN', 'copy', null],
  ['DEALLOCATE PREPARE p', 'deallocate', 'p'],
  ['DEALLOCATE ALL', 'deallocate', null],
  ['DEALLOCATE prepare', 'deallocate', 'prepare'],
  ['DECLARE c CURSOR FOR SELECT 1', 'declare', 'c'],
  ['EXECUTE p(1)', 'execute', 'p'],
  ['CLOSE c', 'close', 'c'],
])('%s is named', (text, command, name) => {
  expect(one(text)).toMatchObject({ kind: 'named', command, name })
})
