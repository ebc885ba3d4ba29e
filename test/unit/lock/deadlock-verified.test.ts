import { expect, test } from 'vitest'
import { decodeProbe, encodeProbe } from '../../../src/lock/deadlock/probe.js'
import { fakeWorld, rejection, type FakeWorld } from '../../support/fake-world.js'

/**
 * A session that can send the messages of our processes. It answers every search for a deadlock as if `keyId` closed a cycle.
 */
async function liar(world: FakeWorld, keyId: string): Promise<() => void> {
  const connection = await world.server.factory.open(new AbortController().signal)
  const answer = (message: string): void => {
    const probe = decodeProbe(message)!
    const forged = encodeProbe({ ...probe, keyId, mode: 'exclusive' })!
    for (const other of world.server.connections)
      if (other !== connection) other.handlers?.onMessage(forged, 'liar')
  }
  await world.server.dialect.listen(connection, {
    onMessage: answer,
    onWakeUp: () => undefined,
    onTicket: () => undefined,
    onPublicMessage: () => undefined,
    onEnd: () => undefined,
  })
  return () => world.server.factory.destroy(connection)
}

test.each([
  ['nobody waits for what the victim holds', false, 'LOCK_TIMEOUT'],
  ['somebody does, as the server says', true, 'LOCK_DEADLOCK'],
] as const)('a cycle that only messages claim: %s', async (_, isWanted, code) => {
  const world = fakeWorld()
  const [victim, holder, third] = [world.pool(), world.pool(), world.pool()]
  const leave = await liar(world, '/first')
  const second = await holder.acquire('second')
  const outcome = rejection(
    victim.withLock('first', () => victim.withLock('second', { timeoutMs: 8000 }, () => undefined)),
  )
  await world.clock.run(10)
  const waiting = isWanted ? third.acquire('first') : null

  await world.clock.run(9000)

  expect(await outcome).toMatchObject({ code })
  await second.release()
  await (await waiting)?.release()
  leave()
})

test('a search whose answer is repeated ends once', async () => {
  const world = fakeWorld()
  const [victim, holder] = [world.pool(), world.pool()]
  const heard: string[] = []
  const connection = await world.server.factory.open(new AbortController().signal)
  await world.server.dialect.listen(connection, {
    onMessage: (message) => heard.push(message),
    onWakeUp: () => undefined,
    onTicket: () => undefined,
    onPublicMessage: () => undefined,
    onEnd: () => undefined,
  })
  const second = await holder.acquire('second')
  const outcome = rejection(
    victim.withLock('first', () => victim.withLock('second', { timeoutMs: 5000 }, () => undefined)),
  )
  await world.clock.run(1500)
  const before = heard.length
  expect(before).toBeGreaterThan(0)

  for (let i = 0; i < 100; i++)
    for (const message of heard.slice(0, before))
      for (const other of world.server.connections)
        if (other !== connection) other.handlers?.onMessage(message, 'again')
  await world.clock.run(100)

  expect(heard.length - before, 'nobody passes on what has been passed on').toBeLessThanOrEqual(1)
  await world.clock.run(5000)
  expect(await outcome).toMatchObject({ code: 'LOCK_TIMEOUT' })
  await second.release()
  world.server.factory.destroy(connection)
})
