import { expect, test } from 'vitest'
import { MysqlServerQueue } from '../../../../../src/dialect/mysql/locks/server-queue.js'
import { MysqlDialect } from '../../../../../src/dialect/mysql/mysql-dialect.js'

const line = (answer: () => Promise<(string | number)[]>, states: boolean[] = []): MysqlServerQueue =>
  new MysqlServerQueue(true, { ask: answer, waiting: (isWaiting) => states.push(isWaiting) })

test('there is no queue on a server whose GET_LOCK waits for whole seconds', () => {
  const host = { ask: () => Promise.reject(new Error()), waiting: () => undefined }
  expect(new MysqlServerQueue(false, host).longestWaitMs).toBe(0)
  expect(new MysqlServerQueue(true, host).longestWaitMs).toBeGreaterThan(0)
})

test('an answer has the outcome, and the token that was drawn', async () => {
  expect(await line(async () => ['f', 7]).enqueue('a', 5, false)).toEqual({ said: 'f', drawn: null })
  expect(await line(async () => ['g12', 7]).enqueue('a', 5, true)).toEqual({ said: 'g', drawn: '12' })
  expect(await line(async () => ['n', 7]).enqueue('a', 5, true)).toEqual({ said: 'n', drawn: null })
})

test('the wait ends, whatever its outcome', async () => {
  const states: boolean[] = []
  const failing = line(() => Promise.reject(new Error('interrupted')), states)

  await expect(failing.enqueue('a', 5, true)).rejects.toThrow('interrupted')

  expect(states).toEqual([true, false])
})

test('a pool assumes MariaDB until it has connected', () => {
  expect(new MysqlDialect('shop').can.gaps['server queue']).toBeUndefined()
})
