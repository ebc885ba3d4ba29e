import { describe, expect, test } from 'vitest'
import type { FakeLockPool } from '../../../../src/fake-lock-pool.js'
import { LockOwner } from '../../../../src/serve/locks/lock-owner.js'
import type { LockSource, WaitLimits } from '../../../../src/serve/locks/lock-source.js'
import { settle } from '../../../../src/testing/manual-clock.js'
import { fakeWorld, rejection, stateOf } from '../../../support/fake-world.js'

const PATIENT: WaitLimits = { timeoutMs: Infinity, signal: new AbortController().signal, label: 'a client' }

function sourceOf(pool: FakeLockPool): LockSource {
  return {
    acquire: (key, mode, { timeoutMs, signal, label }) =>
      pool.acquire(key, { mode, timeoutMs, signal, label }),
    tryAcquire: (key, mode, { signal, label }) => pool.tryAcquire(key, { mode, signal, label }),
    upgrade: (lock, { timeoutMs, signal, label }, mayWait) =>
      pool.convert(lock, { timeoutMs, signal, label }, mayWait ? 'wait' : 'ask'),
    downgrade: (lock) =>
      pool.convert(lock, { mode: 'shared', timeoutMs: Infinity }, 'wait').then((shared) => shared!),
  }
}

/** Clients of one front. */
function clients(count: number): LockOwner[] {
  const source = sourceOf(fakeWorld().pool())
  return Array.from({ length: count }, () => new LockOwner(source))
}

const EXCLUSIVE = ['exclusive', 'session'] as const

describe('the locks of one client', () => {
  test('are acquired again and again, and released as often', async () => {
    const [one, two] = clients(2) as [LockOwner, LockOwner]
    await one.acquire(1n, ...EXCLUSIVE, PATIENT)
    await one.acquire(1n, ...EXCLUSIVE, PATIENT)
    expect(await one.tryAcquire(1n, ...EXCLUSIVE, PATIENT)).toBe(true)
    expect(await two.tryAcquire(1n, ...EXCLUSIVE, PATIENT)).toBe(false)
    expect([
      await released(one.release(1n, 'exclusive')),
      await released(one.release(1n, 'exclusive')),
    ]).toEqual([true, true])
    expect(await two.tryAcquire(1n, ...EXCLUSIVE, PATIENT)).toBe(false)
    expect(await released(one.release(1n, 'exclusive'))).toBe(true)
    expect(await released(one.release(1n, 'exclusive'))).toBe(false)
    expect(await two.tryAcquire(1n, ...EXCLUSIVE, PATIENT)).toBe(true)
    await two.releaseAll()
  })

  test('of another mode are not released by mistake', async () => {
    const [one] = clients(1) as [LockOwner]
    await one.acquire(1n, ...EXCLUSIVE, PATIENT)
    expect(await released(one.release(1n, 'shared'))).toBe(false)
    await one.acquire(1n, 'shared', 'session', PATIENT)
    expect([await released(one.release(1n, 'exclusive')), one.size]).toEqual([true, 1])
    expect([await released(one.release(1n, 'shared')), one.size]).toEqual([true, 0])
  })

  test('of the transaction are not released by an unlock, and end with it', async () => {
    const [one, two] = clients(2) as [LockOwner, LockOwner]
    await one.acquire(1n, 'exclusive', 'transaction', PATIENT)
    await one.acquire(2n, ...EXCLUSIVE, PATIENT)
    await one.acquire(2n, 'exclusive', 'transaction', PATIENT)
    expect(await released(one.release(1n, 'exclusive'))).toBe(false)
    await one.releaseAll()
    expect(await two.tryAcquire(2n, ...EXCLUSIVE, PATIENT)).toBe(false)
    await one.rollBackTo(0)
    expect(one.size).toBe(0)
    expect(await two.tryAcquire(2n, ...EXCLUSIVE, PATIENT)).toBe(true)
    await two.releaseAll()
  })

  test('go back to a savepoint, but for those of the session', async () => {
    const [one] = clients(1) as [LockOwner]
    await one.acquire(1n, 'exclusive', 'transaction', PATIENT)
    const { mark } = one
    await one.acquire(1n, 'exclusive', 'transaction', PATIENT)
    await one.acquire([1, 2], 'exclusive', 'transaction', PATIENT)
    await one.acquire(3n, ...EXCLUSIVE, PATIENT)
    await one.rollBackTo(mark)
    expect([...one.keys]).toEqual([1n, 3n])
    await one.rollBackTo(0)
    expect([...one.keys]).toEqual([3n])
    await one.releaseAll()
  })

  test('that are shared become exclusive, and shared again after its release', async () => {
    const [one, two] = clients(2) as [LockOwner, LockOwner]
    await one.acquire(1n, 'shared', 'session', PATIENT)
    await two.acquire(1n, 'shared', 'session', PATIENT)
    expect(await one.tryAcquire(1n, ...EXCLUSIVE, PATIENT)).toBe(false)
    const waiting = one.acquire(1n, ...EXCLUSIVE, PATIENT)!
    expect([await stateOf(waiting), one.awaited]).toEqual(['pending', '1'])
    await two.release(1n, 'shared')
    await waiting
    expect([one.awaited, await two.tryAcquire(1n, 'shared', 'session', PATIENT)]).toEqual([null, false])
    await one.release(1n, 'exclusive')
    expect(await two.tryAcquire(1n, 'shared', 'session', PATIENT)).toBe(true)
    await Promise.all([one.releaseAll(), two.releaseAll()])
  })

  test('of the transaction are weaker after a rollback to a savepoint', async () => {
    const [one, two] = clients(2) as [LockOwner, LockOwner]
    await one.acquire(1n, 'shared', 'transaction', PATIENT)
    const { mark } = one
    await one.acquire(1n, 'exclusive', 'transaction', PATIENT)
    expect(await two.tryAcquire(1n, 'shared', 'session', PATIENT)).toBe(false)
    await one.rollBackTo(mark)
    expect(await two.tryAcquire(1n, 'shared', 'session', PATIENT)).toBe(true)
    await one.rollBackTo(0)
    await two.releaseAll()
  })

  test('in both modes are released at once', async () => {
    const [one, two] = clients(2) as [LockOwner, LockOwner]
    await one.acquire(1n, 'shared', 'transaction', PATIENT)
    await one.acquire(1n, 'exclusive', 'transaction', PATIENT)
    await one.rollBackTo(0)
    expect([one.size, await two.tryAcquire(1n, ...EXCLUSIVE, PATIENT)]).toEqual([0, true])
    await two.releaseAll()
  })

  test('that are changing are free when the client goes', async () => {
    const [one, two] = clients(2) as [LockOwner, LockOwner]
    await one.acquire(1n, 'shared', 'session', PATIENT)
    const upgrade = one.acquire(1n, ...EXCLUSIVE, PATIENT)!
    one.close()
    await rejection(upgrade)
    await settle()
    expect(await two.tryAcquire(1n, ...EXCLUSIVE, PATIENT)).toBe(true)
    two.close()
  })

  test('are free at once when the client goes, also the one that it waits for', async () => {
    const [one, two, three] = clients(3) as [LockOwner, LockOwner, LockOwner]
    await one.acquire(1n, ...EXCLUSIVE, PATIENT)
    const waiting = two.acquire(1n, ...EXCLUSIVE, PATIENT)
    await settle()
    two.close()
    one.close()
    // The wait was not canceled, so it is granted to a client that has gone.
    await waiting
    await settle()
    expect([one.size, two.size, await three.tryAcquire(1n, ...EXCLUSIVE, PATIENT)]).toEqual([0, 0, true])
    three.close()
  })

  test('that close a cycle are refused to the caller that closes it', async () => {
    const [one, two] = clients(2) as [LockOwner, LockOwner]
    await one.acquire(1n, ...EXCLUSIVE, PATIENT)
    await two.acquire(2n, ...EXCLUSIVE, PATIENT)
    const waiting = one.acquire(2n, ...EXCLUSIVE, PATIENT)!
    expect(await stateOf(waiting)).toBe('pending')
    expect(await rejection(two.acquire(1n, ...EXCLUSIVE, PATIENT)!)).toMatchObject({ code: 'LOCK_DEADLOCK' })
    await two.releaseAll()
    await waiting
    await one.releaseAll()
  })

  test('a name and a number that looks like it are two keys', async () => {
    const [one] = clients(1) as [LockOwner]
    await one.acquire('1', ...EXCLUSIVE, PATIENT)
    expect(one.release(1n, 'exclusive')).toBeNull()
    await one.release('1', 'exclusive')
    expect(one.size).toBe(0)
  })
})

/** Whether there was something to release. */
async function released(release: Promise<void> | null): Promise<boolean> {
  await release
  return release !== null
}
