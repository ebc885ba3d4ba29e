import { expect, test } from 'vitest'
import { Deferred } from '../../../../../src/base/deferred.js'
import { WaitNames } from '../../../../../src/dialect/mysql/notify/wait-names.js'
import type {
  OwnRow,
  ServerConnection,
} from '../../../../../src/dialect/mysql/connection/server-connection.js'

interface FakeSession {
  readonly session: ServerConnection
  readonly said: string[]
  answer: Deferred<readonly OwnRow[]>
}

function fakeSession(threadId: number): FakeSession {
  const fake: FakeSession = {
    said: [],
    answer: new Deferred(),
    session: {
      threadId,
      say: (_sql: string, values: readonly string[]) => {
        fake.said.push(values[0]!)
        return fake.answer.promise
      },
    } as unknown as ServerConnection,
  }
  return fake
}

test('a session takes its name once, and two requests are one statement', async () => {
  const names = new WaitNames()
  const fake = fakeSession(4)

  const both = [names.take(fake.session), names.take(fake.session)]
  expect(names.isHeldBy(fake.session)).toBe(false)
  fake.answer.resolve([[1, 4]])

  expect(await Promise.all(both)).toContain(true)
  expect(names.isHeldBy(fake.session)).toBe(true)
  expect(fake.said).toEqual(['lpwait/4'])
})

test.each<[string, (answer: Deferred<readonly OwnRow[]>) => void]>([
  ['another session holds it', (answer) => answer.resolve([[0, 4]])],
  ['another session has run the statement', (answer) => answer.resolve([[1, 5]])],
  ['the statement fails', (answer) => answer.reject(new Error('interrupted'))],
])('the name is not held if %s, and the next request tries again', async (_, end) => {
  const names = new WaitNames()
  const fake = fakeSession(4)
  const first = names.take(fake.session)
  end(fake.answer)

  expect(await first).toBe(false)
  expect(names.isHeldBy(fake.session)).toBe(false)
  fake.answer = new Deferred()
  fake.answer.resolve([[1, 4]])
  expect(await names.take(fake.session)).toBe(true)
})

test('a session that is reset while it takes its name does not hold it', async () => {
  const names = new WaitNames()
  const fake = fakeSession(4)
  const taken = names.take(fake.session)

  names.lost(fake.session)
  fake.answer.resolve([[1, 4]])

  expect(await taken).toBe(false)
  expect(names.isHeldBy(fake.session)).toBe(false)
})
