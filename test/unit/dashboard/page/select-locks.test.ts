import { expect, test } from 'vitest'
import { chipCounts, selectLocks, type Wanted } from '../../../../src/dashboard/page/select-locks.js'
import type { LockJson, StateJson } from '../../../../src/dashboard/state-json.js'
import { DashboardWorld } from '../../../support/dashboard-world.js'

const ALL: Wanted = { chip: 'all', text: '', sortBy: 'urgency', isDescending: true }

function lock(title: string, more: Partial<LockJson> = {}): LockJson {
  return {
    ...{ id: `advisory ${title}`, kind: 'advisory', title, namespace: null, key: title, permits: null },
    holders: [holder(1, 1000)],
    waiters: [],
    ...more,
  }
}

function holder(pid: number, ms: number, token: string | null = null): LockJson['holders'][number] {
  return {
    pid,
    mode: 'exclusive',
    permit: null,
    token,
    label: null,
    isHere: false,
    atLeastMs: ms,
    atMostMs: ms,
  }
}

function waiter(ms: number): LockJson['waiters'][number] {
  return {
    pid: 2,
    mode: 'exclusive',
    label: null,
    isOutside: false,
    isHere: false,
    atLeastMs: ms,
    atMostMs: ms,
  }
}

async function stateWith(...locks: LockJson[]): Promise<StateJson> {
  return { ...(await new DashboardWorld().state()), locks }
}

const titles = (state: StateJson, wanted: Partial<Wanted>): string[] =>
  selectLocks(state, { ...ALL, ...wanted }).map(({ title }) => title)

test('the lock with the longest wait comes first, then the lock held longest, then by name', async () => {
  const state = await stateWith(
    lock('b'),
    lock('a'),
    lock('old', { holders: [holder(1, 9000)] }),
    lock('new wait', { waiters: [waiter(0)] }),
    lock('long wait', { waiters: [waiter(5000)] }),
  )
  expect(titles(state, {})).toEqual(['long wait', 'new wait', 'old', 'a', 'b'])
})

test('tokens are in order even where they are larger than a number can be', async () => {
  const state = await stateWith(
    lock('x', { holders: [holder(1, 0, '9007199254740993')] }),
    lock('y', { holders: [holder(1, 0, '9007199254740992')] }),
    lock('z', { holders: [holder(1, 0, '99')] }),
    lock('none'),
  )
  expect(titles(state, { sortBy: 'token' })).toEqual(['x', 'y', 'z', 'none'])
  expect(titles(state, { sortBy: 'token', isDescending: false })).toEqual(['none', 'z', 'y', 'x'])
})

test('a filter finds titles, keys, programs and whole process ids', async () => {
  const state = await stateWith(
    lock('Invoice 7', { key: '123' }),
    lock('other', { holders: [holder(2, 0)] }),
    lock('third', { holders: [holder(12, 0)] }),
  )
  expect(titles(state, { text: ' invoice ' })).toEqual(['Invoice 7'])
  expect(titles(state, { text: '123' })).toEqual(['Invoice 7'])
  expect(titles(state, { text: 'app 2' })).toEqual(['other'])
  expect(titles(state, { text: '12' })).toEqual(['third', 'Invoice 7'].toSorted())
  expect(titles(state, { text: '1' })).not.toContain('third')
})

test('chips show the number of their locks', async () => {
  const state = await stateWith(
    lock('held'),
    lock('wanted', { holders: [], waiters: [waiter(1)] }),
    lock('row', { id: 'row r', kind: 'row' }),
  )
  const counts = chipCounts(state).map(({ chip, count }) => [chip, count])
  expect(counts).toEqual([
    ['all', 3],
    ['held', 2],
    ['waited', 1],
    ['kind advisory', 2],
    ['kind row', 1],
  ])
  for (const { chip, count } of chipCounts(state)) expect(titles(state, { chip })).toHaveLength(count)
})
