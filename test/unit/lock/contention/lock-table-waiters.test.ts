import { expect, test } from 'vitest'
import { LockTableFullError } from '../../../../src/base/errors.js'
import {
  LockTableWaiters,
  type LockTableRequester,
} from '../../../../src/lock/contention/lock-table-waiters.js'

type Room = 'now' | 'later' | LockTableFullError

/** A queue that gives this answer until the test sets another one, and entries that record when they proceed. */
function queueThatSays(answer: Room) {
  const state = { answer, looks: [] as number[], went: [] as string[] }
  const queue = new LockTableWaiters({
    room: () => state.answer,
    makeRoom: () => void state.looks.push(queue.entries),
  })
  const entry = (name: string): LockTableRequester => ({ proceed: () => void state.went.push(name) })
  return { state, queue, entry }
}

test.each([['now' as const], [new LockTableFullError('full')]])(
  'an entry whose answer is known (%s) does not wait',
  (answer) => {
    const { state, queue, entry } = queueThatSays(answer)
    expect(queue.admit(entry('a'), 2)).toBe(answer)
    queue.roomKnown()
    expect([queue.entries, state.looks, state.went]).toEqual([0, [], []])
  },
)

test('entries wait until the room is known; each look counts what all of them need', () => {
  const { state, queue, entry } = queueThatSays('later')
  expect([queue.admit(entry('a'), 2), queue.admit(entry('b'), 3)]).toEqual(['later', 'later'])
  expect(state.looks).toEqual([2, 5])
  queue.roomKnown()
  expect(state.went).toEqual(['a', 'b'])
  expect(queue.entries).toBe(0)
})

test('an entry that leaves needs no room, and does not hear of it', () => {
  const { state, queue, entry } = queueThatSays('later')
  const [a, b] = [entry('a'), entry('b')]
  queue.leave(a)
  queue.admit(a, 2)
  queue.admit(b, 3)
  queue.leave(a)
  expect(queue.entries).toBe(3)
  queue.roomKnown()
  expect(state.went).toEqual(['b'])
})

test('an entry that asks again while it goes on waits for the next answer', () => {
  const { state, queue } = queueThatSays('later')
  const eager: LockTableRequester = {
    proceed: () => {
      state.went.push('eager')
      queue.admit(eager, 1)
    },
  }
  queue.admit(eager, 1)
  queue.roomKnown()
  expect([state.went, queue.entries]).toEqual([['eager'], 1])
})
