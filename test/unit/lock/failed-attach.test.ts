import { expect, test, vi } from 'vitest'
import { ConnectionError } from '../../../src/base/errors.js'
import { fakeWorld, rejection } from '../../support/fake-world.js'

test('a connection on which a session could not be made is never used for anything again', async () => {
  const world = fakeWorld()
  const { dialect } = world.server
  const attach = dialect.attach.bind(dialect)
  const failed: number[] = []
  // Fails half-way: the settings that were made before stay on the connection.
  const failing = vi.spyOn(dialect, 'attach').mockImplementation(async (connection, ...details) => {
    failed.push(connection.serverId)
    await attach(connection, ...details)
    throw new ConnectionError('the second statement failed')
  })
  const locks = world.pool()

  expect(await rejection(locks.acquire('orders'))).toMatchObject({ code: 'CONNECTION_FAILED' })
  expect(await rejection(locks.acquire('orders'))).toMatchObject({ code: 'CONNECTION_FAILED' })

  expect(new Set(failed).size, 'each attempt on one of its own').toBe(failed.length)
  const open = [...world.server.connections].map(({ serverId }) => serverId)
  expect(open.filter((serverId) => failed.includes(serverId))).toEqual([])
  failing.mockRestore()
  const borrowed = await locks.connections.connect()
  expect(borrowed.leaseMs, 'an ordinary one').toBe(Infinity)
  borrowed.release()
  expect((await locks.acquire('orders')).state).toBe('held')
})
