import { expect, test } from 'vitest'
import { guard } from '../../../../../src/dialect/mysql/fencing/guard.js'
import { rejection } from '../../../../support/fake-world.js'

test('a guard refuses a pool, and a value that is no connection, before anything is sent', async () => {
  const query = (): never => expect.unreachable()
  for (const [client, message] of [
    [null, /got null/],
    [{}, /got an object/],
    [{ query, getConnection: query }, /is a pool/],
  ] as const) {
    const refused = guard(client as never, { resource: 'orders', token: 5n, mode: 'exclusive' })
    expect(await rejection(refused)).toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringMatching(message),
    })
  }
})
