import { EventEmitter } from 'node:events'
import { describe, expect, test, vi } from 'vitest'
import {
  callMessage,
  readNotification,
  listen,
  notifyMessages,
} from '../../../../../src/dialect/postgres/notify/notifications.js'
import { encodeKey } from '../../../../../src/dialect/postgres/keys/key.js'
import { PostgresChannel } from '../../../../../src/dialect/postgres/notify/channel.js'
import type { ServerConnection } from '../../../../../src/dialect/postgres/connection/server-connection.js'
import type { NotificationHandlers } from '../../../../../src/dialect/dialect.js'

const channel = new PostgresChannel()

/** The parts of a connection that a listener needs. The connection outlives the listener. */
class StubServer extends EventEmitter {
  readonly asked: string[] = []
  readonly #endListeners = new Set<(cause: Error) => void>()

  get server(): ServerConnection {
    return this as unknown as ServerConnection
  }

  query(sql: string): Promise<object> {
    this.asked.push(sql)
    return Promise.resolve({ rows: [{ logs: false }] })
  }

  onEnd(listener: (cause: Error) => void): () => void {
    this.#endListeners.add(listener)
    return () => void this.#endListeners.delete(listener)
  }

  end(): void {
    for (const listener of this.#endListeners) listener(new Error('gone'))
  }

  claim(key: string): void {
    this.emit('notification', { channel: channel.name, payload: callMessage('other', 'claim', key) })
  }
}

function handlersFor(heard: string[], name: string): NotificationHandlers {
  return {
    onPublicMessage: () => undefined,
    onWakeUp: (key) => heard.push(`${name} rung ${key}`),
    onTicket: (key) => heard.push(`${name} claimed ${key}`),
    onMessage: (message) => heard.push(`${name} told ${message}`),
    onEnd: () => heard.push(`${name} ended`),
  }
}

test('a stopped listener ignores its connection, also when that ends', async () => {
  const stub = new StubServer()
  const heard: string[] = []
  const listening = await listen(stub.server, channel, handlersFor(heard, 'bell'))
  stub.claim('1')
  expect(heard).toEqual(['bell claimed 1'])

  await listening.stop()
  // The connection continues to exist for later borrowers, which may listen too.
  stub.claim('2')
  stub.end()

  expect(heard).toEqual(['bell claimed 1'])
  expect(stub.listenerCount('notification')).toBe(0)
})

test('a connection that becomes the listener repeatedly delivers each notification once', async () => {
  const stub = new StubServer()
  const heard: string[] = []
  for (const name of ['first', 'second', 'third']) {
    const listening = await listen(stub.server, channel, handlersFor(heard, name))
    stub.claim(name)
    await listening.stop()
  }

  expect(heard).toEqual(['first claimed first', 'second claimed second', 'third claimed third'])
})

describe('messages', () => {
  test('messages stay within what a notification may carry', () => {
    const keys = Array.from({ length: 1000 }, (_, i) => encodeKey(-(2n ** 63n) + BigInt(i), ''))

    const messages = notifyMessages('abcdefghij', keys)

    expect(messages.flatMap(({ ids }) => ids)).toEqual(keys.map(({ id }) => id))
    for (const { head, ids } of messages) expect(head.length + ids.join(' ').length).toBeLessThan(8000)
  })

  test.each(['', ' ', 'x', 'x ring', 'x fly 1 2', '\u0000', `x ring${' 1'.repeat(3)}`])(
    'an invalid message is ignored: %j',
    (payload) => {
      const handlers = { onWakeUp: vi.fn(), onTicket: vi.fn(), onMessage: vi.fn() }

      readNotification(payload, handlers, () => null)

      expect(handlers.onWakeUp.mock.calls).toEqual(
        payload.startsWith('x ring 1')
          ? [
              ['1', 'x'],
              ['1', 'x'],
              ['1', 'x'],
            ]
          : [],
      )
      expect(handlers.onTicket).not.toHaveBeenCalled()
      expect(handlers.onMessage).not.toHaveBeenCalled()
    },
  )
})
