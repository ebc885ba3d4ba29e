import { expect, test } from 'vitest'
import { fakeWorld, stateOf } from '../../support/fake-world.js'

test('a flooded public channel is soon ignored for a while, and callers poll', async () => {
  const world = fakeWorld()
  world.server.longestWaitMs = 0
  const [a, b] = [world.pool(), world.pool()]
  const warnings: string[] = []
  b.on('warning', ({ message }) => warnings.push(message))
  const held = await a.acquire('k')
  const waiting = b.acquire('k', { timeoutMs: 100_000 })
  await world.clock.run(50)
  const listener = [...world.server.connections].find(({ handlers }) => handlers !== null)!
  const hush: boolean[] = []
  world.server.hushed = (strangers) => hush.push(strangers)

  for (let i = 0; i < 3999; i++) listener.handlers!.onPublicMessage()
  await world.clock.run(10)
  expect(hush).toEqual([])
  for (let i = 0; i < 10_000; i++) listener.handlers!.onPublicMessage()
  await world.clock.run(10)
  expect(hush).toEqual([false])
  expect(warnings).toEqual(['the notification channel is flooded: waiting callers poll for a while'])

  await world.clock.run(29_000)
  expect(hush).toEqual([false])
  await world.clock.run(2000)
  expect(hush).toEqual([false, true])
  expect(await stateOf(waiting)).toBe('pending')
  await held.release()
  await world.clock.run(2000)
  await (await waiting).release()
})
