import { expect, test } from 'vitest'
import { MysqlServerQueue } from '../../../../../src/dialect/mysql/locks/server-queue.js'
import { MysqlDialect } from '../../../../../src/dialect/mysql/mysql-dialect.js'

const line = (answer: () => Promise<(string | number)[]>, states: boolean[] = []): MysqlServerQueue =>
  new MysqlServerQueue(true, 0, { ask: answer, waiting: (isWaiting) => states.push(isWaiting) })

test('there is no queue on a server whose GET_LOCK waits for whole seconds', () => {
  const host = { ask: () => Promise.reject(new Error()), waiting: () => undefined }
  expect(new MysqlServerQueue(false, 0, host).longestWaitMs).toBe(0)
  expect(new MysqlServerQueue(true, 0, host).longestWaitMs).toBeGreaterThan(0)
})

test('an answer has the outcome, and the token that was drawn', async () => {
  expect(await line(async () => ['f', 7]).enqueue('a', 5, false, 'exclusive')).toEqual({
    said: 'f',
    slot: null,
    drawn: null,
  })
  expect(await line(async () => ['g12', 7]).enqueue('a', 5, true, 'exclusive')).toEqual({
    said: 'g',
    slot: null,
    drawn: '12',
  })
  expect(await line(async () => ['n', 7]).enqueue('a', 5, true, 'exclusive')).toEqual({
    said: 'n',
    slot: null,
    drawn: null,
  })
})

test('with reader slots, an answer in shared mode names the slot', async () => {
  const queue = (answer: string): MysqlServerQueue =>
    new MysqlServerQueue(true, 4, { ask: async () => [answer, 7], waiting: () => undefined })

  expect(await queue('g3:12').enqueue('a', 5, true, 'shared')).toEqual({
    said: 'g',
    slot: 'a/r3',
    drawn: '12',
  })
  expect(await queue('f0').enqueue('a', 5, false, 'shared')).toEqual({ said: 'f', slot: 'a/r0', drawn: null })
  expect(await queue('g:12').enqueue('a', 5, true, 'exclusive')).toEqual({
    said: 'g',
    slot: null,
    drawn: '12',
  })
  expect(await queue('n').enqueue('a', 5, true, 'shared')).toEqual({ said: 'n', slot: null, drawn: null })
})

test('the wait ends, whatever its outcome', async () => {
  const states: boolean[] = []
  const failing = line(() => Promise.reject(new Error('interrupted')), states)

  await expect(failing.enqueue('a', 5, true, 'exclusive')).rejects.toThrow('interrupted')

  expect(states).toEqual([true, false])
})

test('a pool assumes MariaDB until it has connected', () => {
  expect(new MysqlDialect('shop').can.gaps['server queue']).toBeUndefined()
})
