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
  const bells = new NotificationListeners()
  const [first, second] = [session(), session()]
  bells.joined(first.session)
  bells.joined(second.session)

  bells.waits(first.session, true)
  expect(bells.disturb(7)).toBe(true)
  bells.waits(second.session, true)
  expect(bells.disturb(8), 'better late than not at all').toBe(true)
  bells.waits(first.session, false)
  bells.disturb(9)

  expect(second.said).toEqual(['KILL QUERY 7'])
  expect(first.said).toEqual(['KILL QUERY 8', 'KILL QUERY 9'])
})

test('without a session no message can be sent', () => {
  expect(new NotificationListeners().disturb(7)).toBe(false)
})
