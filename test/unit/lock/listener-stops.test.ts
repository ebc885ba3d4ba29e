import { expect, test, vi } from 'vitest'
import { fakeWorld, rejection } from '../../support/fake-world.js'

test('a listener without waiters is not checked any more, however often waiters come back', async () => {
  const world = fakeWorld()
  const { dialect } = world.server
  const listen = dialect.listen.bind(dialect)
  let checks = 0
  vi.spyOn(dialect, 'listen').mockImplementation(async (connection, handlers) => {
    const listening = await listen(connection, handlers)
    return { ...listening, check: () => (checks++, listening.check()) }
  })
  const [holder, waiter] = [world.pool(), world.pool({ max: 3 })]
  const warnings: string[] = []
  waiter.on('warning', ({ message }) => warnings.push(message))
  const lock = await holder.acquire('orders')

  for (let round = 0; round < 4; round++) {
    // The wait is short, so the listener ends before its planned check is due.
    const waiting = rejection(waiter.acquire('orders', { timeoutMs: 1000 }))
    await world.clock.run(1500)
    expect(await waiting).toMatchObject({ code: 'LOCK_TIMEOUT' })
    expect(waiter.snapshot().listener).toBe('listening')
    await world.clock.run(4700)
    expect(waiter.snapshot().listener).toBe('off')
  }
  const before = checks
  await world.clock.run(60_000)
  expect({ checks: checks - before, warnings }, 'when it is off').toEqual({ checks: 0, warnings: [] })

  const waiting = rejection(waiter.acquire('orders', { timeoutMs: 20_000 }))
  await world.clock.run(19_000)
  expect(checks - before, 'one every five seconds, whatever was before').toBe(3)
  await world.clock.run(2000)
  await waiting
  await lock.release()
})
