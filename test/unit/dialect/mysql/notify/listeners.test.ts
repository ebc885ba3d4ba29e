import { expect, test } from 'vitest'
import { NotificationListeners } from '../../../../../src/dialect/mysql/notify/listeners.js'
import type { ServerConnection } from '../../../../../src/dialect/mysql/connection/server-connection.js'

interface Said {
  readonly session: ServerConnection
  readonly said: string[]
}

function session(): Said {
  const said: string[] = []
  const say = (sql: string): Promise<readonly never[]> => {
    said.push(sql)
    return Promise.resolve([])
  }
  return { session: { say, hasEnded: false } as unknown as ServerConnection, said }
}

test('a session in the server queue is not used to wake the listener: its other statements run after its wait', () => {
  const listeners = new NotificationListeners()
  const [first, second] = [session(), session()]
  listeners.joined(first.session)
  listeners.joined(second.session)

  listeners.waits(first.session, true)
  expect(listeners.disturb(7)).toBe(true)
  listeners.waits(second.session, true)
  expect(listeners.disturb(8), 'better late than not at all').toBe(true)
  listeners.waits(first.session, false)
  listeners.disturb(9)

  expect(second.said).toEqual(['KILL QUERY 7'])
  expect(first.said).toEqual(['KILL QUERY 8', 'KILL QUERY 9'])
})

test('without a session no message can be sent', () => {
  expect(new NotificationListeners().disturb(7)).toBe(false)
})
