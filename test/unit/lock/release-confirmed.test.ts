import { expect, test } from 'vitest'
import { fakeWorld, stateOf } from '../../support/fake-world.js'

test('a key asked for by a listener of the release is not put on a session that is being given back', async () => {
  const world = fakeWorld()
  const locks = world.pool({ max: 2 })
  const told: unknown[] = []
  locks.on('warning', (e) => told.push(e))
  locks.on('session:lost', (e) => told.push(e))
  const a = await locks.acquire('a')
  const c1 = await locks.connections.connect()
  const c2 = locks.connections.connect()
  await world.clock.run(10)
  let b: Promise<unknown> | undefined
  locks.on('lock:released', () => {
    b ??= locks.acquire('b', { timeoutMs: 5000 }).then(
      (l) => l,
      (e: unknown) => e,
    )
  })
  await a.release()
  await world.clock.run(20)
  c1.release()
  ;(await c2).release()
  await world.clock.run(6000)
  expect(told).toEqual([])
  expect(await b).toHaveProperty('state', 'held')
})

/** The last reader releases, `delay` ms after another caller has come: that is not confirmed while only the server has it. */
async function confirms(delay: number, what: 'exclusive' | 'shared'): Promise<void> {
  const world = fakeWorld({ latencyMs: 20 })
  const here = world.pool({ max: 3 })
  const p = here.acquire('k', { mode: 'shared' })
  await world.clock.run(500)
  const a = await p
  const next = here.acquire('k', { mode: what, timeoutMs: Infinity })
  next.catch(() => 0)
  if (delay > 0) await world.clock.run(delay)
  const rel = a.release()
  rel.catch(() => 0)
  const st = await stateOf(rel)
  const held = world.server.table.size
  const nextState = await stateOf(next)
  await world.clock.run(2000)
  if ((await stateOf(next)) === 'fulfilled') {
    void (await next).release()
  }
  await world.clock.run(2000)
  expect({ st, held, nextState }).not.toEqual({ st: 'fulfilled', held: 1, nextState: 'pending' })
}

test('a release while the mark of a writer is set is not confirmed before the server has it', () =>
  confirms(1, 'exclusive'))
test('a release while a reader joins is not confirmed before the server has it, or another here', () =>
  confirms(1, 'shared'))
test('so is one with a reader who comes in the same turn', () => confirms(0, 'shared'))
test('and one with a writer who does', () => confirms(0, 'exclusive'))
