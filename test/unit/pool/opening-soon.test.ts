import { expect, test } from 'vitest'
import { ConnectionError } from '../../../src/base/errors.js'
import { rejection } from '../../support/fake-world.js'
import { poolWorld } from '../../support/pool-world.js'
import { StubFactory } from '../../support/stub-factory.js'
import type { Progress } from '../../../src/pool/connection-factory.js'

const poolOf = poolWorld()

/** A factory that reports the progress of its attempts. */
class TellingFactory extends StubFactory {
  found: unknown = null

  progress(): Progress | null {
    if (this.found instanceof Error) throw this.found
    return this.found as Progress | null
  }
}

test('a server that says when it will be ready is retried until then, and not without end', async () => {
  const factory = new StubFactory()
  factory.failure = new ConnectionError('starting up', { retryAfterMs: 250 })
  const { clock } = poolOf({ min: 1 }, factory)
  await clock.run(10_000)
  const soon = factory.attempts.length
  expect(soon).toBeGreaterThanOrEqual(33)
  expect(soon).toBeLessThanOrEqual(41)

  await clock.run(60_000)
  const before = factory.attempts.length
  await clock.run(10_000)
  expect(factory.attempts.length - before, 'as any other that is down').toBeLessThanOrEqual(7)
})

test.each<[unknown, string, number | null]>([
  [{ said: 'a:1 says nothing', retryAfterMs: 250 }, 'no connection within 100 ms: a:1 says nothing', 250],
  [{ said: 'a:1 says nothing', retryAfterMs: 'soon' }, 'no connection within 100 ms: a:1 says nothing', null],
  [null, 'no connection within 100 ms', null],
  [{ said: 7 }, 'no connection within 100 ms', null],
  [new Error('its own'), 'no connection within 100 ms', null],
])(
  'an attempt that is given up says what the factory has found out: %j',
  async (found, message, retryAfterMs) => {
    const factory = new TellingFactory()
    factory.isSlow = true
    factory.found = found
    const { pool, clock } = poolOf({ connectTimeoutMs: 100 }, factory)
    const outcome = rejection(pool.connect())
    await clock.run(100)
    expect(await outcome).toMatchObject({ code: 'CONNECTION_FAILED', message, retryAfterMs })
    for (const { done } of factory.attempts) done.resolve()
  },
)
