import { expect, test } from 'vitest'
import type { Lock } from '../../src/lock/handle/lock.js'
import { lockpool, type Started } from '../support/command-line.js'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()

function run(...args: string[]): Started {
  return lockpool(args, { url: world.database.url })
}

async function lossOf(lock: Lock): Promise<string> {
  await expect.poll(() => lock.state, { timeout: 5000 }).not.toBe('held')
  return lock.state
}

test('break ends the holder, and reports what else was lost and who has the lock now', async () => {
  const [one, two] = [world.pool({ applicationName: 'one' }), world.pool({ applicationName: 'two' })]
  const locks = [await one.acquire('orders'), await one.acquire('other')]
  const next = two.acquire('orders', { timeoutMs: 20_000 })
  await expect
    .poll(async () => (await one.inspect()).filter(({ waiters }) => waiters.length > 0))
    .toHaveLength(1)

  const broken = run('break', 'orders', '--yes')

  expect(await broken.ended, broken.err).toBe(0)
  const out = broken.out.toString()
  expect(out).toMatch(/^orders is held by\n {2}one \(pid (\d+), client 127\.0\.0\.1\), exclusive/)
  expect(out).toMatch(/^ {4}also loses: -?\d+$/m)
  expect(out).toMatch(/^one waiter$/m)
  expect(out).toMatch(/^session \d+ has ended$/m)
  expect(await Promise.all(locks.map(lossOf))).toEqual(['lost', 'lost'])
  expect((await next).state).toBe('held')
  await (await next).release()
})

test('break of one of several holders of a semaphore, as JSON', async () => {
  const [one, two] = [world.pool({ applicationName: 'one' }), world.pool({ applicationName: 'two' })]
  const permits = [await one.semaphore('pdf', 2).acquire(), await two.semaphore('pdf', 2).acquire()]
  const [semaphore] = await one.inspect()
  const [victim, survivor] = ['one', 'two'].map(
    (name) => semaphore!.holders.find(({ session }) => session.application === name)!.session.pid,
  )

  const broken = run('break', '--semaphore', 'pdf', '--pid', String(victim), '--yes', '--json')

  expect(await broken.ended, broken.err).toBe(0)
  expect(JSON.parse(broken.out.toString())).toMatchObject({
    version: 1,
    ended: [{ pid: victim, isGone: true, otherLocks: [] }],
    holders: [{ pid: survivor }],
  })
  await expect.poll(() => permits.map(({ state }) => state)).toEqual(['lost', 'held'])
  await permits[1]!.release()
})

test('break --pid ends a session and says which locks it loses', async () => {
  const locks = world.pool({ applicationName: 'one' })
  const held = [await locks.acquire('orders'), await locks.acquire('other')]
  const { pid } = (await locks.inspect())[0]!.holders[0]!.session

  const none = run('break', '--pid', '1', '--yes')
  const stray = run('break', '--pid', String(pid), '--raw', '--yes')
  expect(await Promise.all([none.ended, stray.ended])).toEqual([1, 64])
  expect(none.err).toBe('lockpool: session 1 holds no lock that is shown here\n')
  expect(stray.err).toMatch(/^lockpool: --raw needs a KEY$/m)
  const broken = run('break', '--pid', String(pid), '--yes')

  expect(await broken.ended, broken.err).toBe(0)
  const out = broken.out.toString()
  expect(out).toMatch(/^this session would end\n {2}one \(pid \d+, client 127\.0\.0\.1\)/)
  expect(out).toMatch(/^ {4}loses: -?\d+, -?\d+$/m)
  expect(out).toMatch(/session \d+ has ended\n$/)
  expect(await Promise.all(held.map(lossOf))).toEqual(['lost', 'lost'])
})

test('break of a free lock, or without a terminal for the question, ends nothing', async () => {
  const locks = world.pool()
  const lock = await locks.acquire('orders')

  const free = run('break', 'no such key', '--yes')
  const unsure = run('break', 'orders')
  const other = run('break', 'orders', '--pid', '1', '--yes')

  expect(await free.ended).toBe(1)
  expect(free.err).toBe('lockpool: no such key is not held\n')
  expect(await unsure.ended).toBe(64)
  expect(unsure.err).toMatch(/pass --yes/)
  expect(await other.ended).toBe(1)
  expect(lock.state).toBe('held')
  await lock.release()
})

test('a role that may not end the session gets the required privilege in the error', async () => {
  await world.database.query(`CREATE ROLE weak LOGIN PASSWORD 'x'`)
  try {
    const lock = await world.pool().acquire('orders')
    const url = new URL(world.database.url)
    url.username = 'weak'
    url.password = 'x'

    const refused = lockpool(['break', 'orders', '--yes'], { url: url.href })

    expect(await refused.ended).toBe(69)
    expect(refused.err).toMatch(/may not end .* pg_signal_backend/)
    expect(lock.state).toBe('held')
    await lock.release()
  } finally {
    await world.database.query('DROP ROLE weak')
  }
})
