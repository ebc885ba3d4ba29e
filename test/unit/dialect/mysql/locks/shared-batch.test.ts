import { describe, expect, test } from 'vitest'
import type { Holding } from '../../../../../src/dialect/dialect.js'
import type { LockOperation, OperationKind } from '../../../../../src/dialect/lock-operation.js'
import { Holdings } from '../../../../../src/dialect/mysql/locks/holdings.js'
import { SharedBatch } from '../../../../../src/dialect/mysql/locks/shared-batch.js'
import { sharedStatements } from '../../../../../src/dialect/mysql/locks/shared-sql.js'
import { RegistrationBook } from '../../../../../src/dialect/mysql/notify/registration-book.js'

const KEY = { id: 'lp1a' }
const op = (kind: OperationKind, mode: 'shared' | 'exclusive' = 'exclusive', id = KEY.id): LockOperation => ({
  kind,
  mode,
  key: { id },
})
const names = (id: string): string[] => [`${id}/0`, `${id}/1`, `${id}/2`, `${id}/3`]

function session(): {
  ask: (answer: string, ...operations: LockOperation[]) => { sql: string; said: string; drawn: string | null }
  plan: (...expected: Holding[]) => { expected: string[]; unwanted: string[] }
  holdings: Holdings
} {
  const [holdings, registrations] = [new Holdings(), new RegistrationBook(new Map(), () => undefined)]
  return {
    holdings,
    ask: (answer, ...operations) => {
      const batch = new SharedBatch(operations, { holdings, registrations })
      const [sql] = batch.statement(sharedStatements(3, true))
      const { answers, drawn } = batch.decode(answer)!
      return { sql, said: answers, drawn }
    },
    plan: (...expected) => {
      const plan = holdings.planReconcile(expected, registrations)
      return { expected: plan.expected.map(({ name }) => name), unwanted: plan.unwanted.toSorted() }
    },
  }
}

describe('the answers of the server', () => {
  test('a grant in shared mode names the slot, which is released later', () => {
    const { ask, holdings } = session()
    expect(ask('g2:77', op('try', 'shared'))).toMatchObject({ said: 'g', drawn: '77' })
    expect(holdings.slotOf(KEY.id)).toBe('lp1a/r2')
    expect(ask('d', op('release', 'shared')).said).toBe('d')
    expect(holdings.slotOf(KEY.id)).toBeNull()
  })

  test('a waiter has its registration and its intent until it is granted the lock', () => {
    const { ask, plan, holdings } = session()
    expect(ask('1i', op('wait')).said).toBe('w')
    expect(plan({ key: KEY, what: 'registration' })).toEqual({ expected: ['lp1a/1', 'lp1a/w'], unwanted: [] })
    expect(ask('0n', op('retry')).said, 'it has moved to the first name').toBe('n')
    expect(plan({ key: KEY, what: 'registration' }).expected).toEqual(['lp1a/0', 'lp1a/w'])
    expect(ask('-g:5', op('poll'))).toMatchObject({ said: 'g', drawn: '5' })
    expect(holdings.hasIntent(KEY.id)).toBe(false)
    expect(plan({ key: KEY, what: 'exclusive' })).toEqual({ expected: ['lp1a'], unwanted: [] })
  })

  test.each<[OperationKind, string, string]>([
    ['wait', 'cn', 'c'],
    ['wait', 'ci', 'c'],
    ['retry', 'cn', 'c'],
    ['queue', 'c', 'c'],
    ['queue', '2', 'w'],
    ['yield', 'c', 'c'],
    ['yield', '3', 'w'],
    ['yield', 'd', 'd'],
    ['yield', 'n', 'n'],
    ['yield', 'g:1', 'g'],
    ['setIntent', 'd', 'd'],
    ['setIntent', 'i', 'd'],
    ['clearIntent', 'r', 'r'],
  ])('%s: the server says %s, which is %s', (kind, answer, said) => {
    expect(session().ask(answer, op(kind)).said).toBe(said)
  })

  test('an upgrade replaces the slot by the lock, and a downgrade the lock by a slot', () => {
    const { ask, plan } = session()
    ask('g0:1', op('try', 'shared'))
    ask('i', op('setIntent', 'shared'))
    expect(ask('n', op('upgrade', 'shared')).said).toBe('n')
    expect(plan({ key: KEY, what: 'shared' }, { key: KEY, what: 'intent' }).unwanted).toEqual([])
    expect(ask('g:2', op('upgrade', 'shared')).said).toBe('g')
    expect(plan({ key: KEY, what: 'exclusive' })).toEqual({ expected: ['lp1a'], unwanted: [] })
    expect(ask('g1:3', op('downgrade')).said).toBe('g')
    expect(plan({ key: KEY, what: 'shared' })).toEqual({ expected: ['lp1a/r1'], unwanted: [] })
  })

  test('a batch with too few answers has none', () => {
    const batch = new SharedBatch([op('try'), op('try', 'exclusive', 'lp1b')], {
      holdings: new Holdings(),
      registrations: new RegistrationBook(new Map(), () => undefined),
    })
    expect(batch.decode('g')).toBeNull()
  })
})

test('batches without readers and waiters have the short statement, and single operations their own', () => {
  const { ask } = session()
  const { plain, batch, single } = sharedStatements(3, true)
  const others = [op('try', 'exclusive', 'lp1b'), op('release', 'exclusive', 'lp1c')]
  expect(ask('g,g,d', op('try'), ...others).sql).toBe(plain)
  expect(ask('g1,g,d', op('try', 'shared'), ...others).sql).toBe(batch)
  expect(ask('g0:1', op('try', 'shared', 'lp1d')).sql).toBe(single.tryShared.sql)
})

test('after a failure the session releases all names that the statement may have acquired', () => {
  const { ask, plan, holdings } = session()
  ask('g1:1', op('try', 'shared'))
  const reader = new SharedBatch([op('try', 'shared', 'lp1b')], {
    holdings,
    registrations: new RegistrationBook(new Map(), () => undefined),
  })
  holdings.doubt(reader.doubtfulNames(3))

  expect(plan({ key: KEY, what: 'shared' })).toEqual({
    expected: ['lp1a/r1'],
    unwanted: ['lp1b', ...names('lp1b'), 'lp1b/r0', 'lp1b/r1', 'lp1b/r2', 'lp1b/w'].toSorted(),
  })
})

test('a session without a slot can neither release one nor upgrade', () => {
  const { ask } = session()
  const { single } = sharedStatements(3, true)
  expect(ask('n', op('release', 'shared')).sql).toBe(single.refuse.sql)
  expect(ask('n', op('upgrade', 'shared')).sql).toBe(single.refuse.sql)
})
