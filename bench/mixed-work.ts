import type { LockMode } from '../src/dialect/lock-key.js'
import type { LockPool } from '../src/index.js'

/** Several callers want each of these keys at the same time. */
export const MIXED_KEYS: readonly string[] = Array.from({ length: 6 }, (_, i) => `mixed ${i}`)
const OUTER = 'mixed outer'
const INNER = 'mixed inner'

const PERMITS = 3

/** Observes when a caller gets a lock and when it is about to release it. */
export interface Watcher {
  entered(key: string, mode: LockMode | 'permit', token: bigint): void
  left(key: string, mode: LockMode | 'permit'): void
}

export interface MixedOutcome {
  readonly done: number
  readonly errors: readonly string[]
}

/** Several callers use every kind of lock on shared keys, until `isOver` returns true. */
export async function workMixed(
  locks: LockPool,
  callers: number,
  isOver: () => boolean,
  watcher: Watcher = NOBODY,
): Promise<MixedOutcome> {
  let done = 0
  const errors: string[] = []
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      for (let i = caller; !isOver(); i++) {
        try {
          await TASKS[i % TASKS.length]!(locks, MIXED_KEYS[(i * 5 + caller) % MIXED_KEYS.length]!, watcher)
          done++
        } catch (error) {
          errors.push(String(error))
        }
      }
    }),
  )
  return { done, errors }
}

type Task = (locks: LockPool, key: string, watcher: Watcher) => Promise<unknown>

const inside = async (
  watcher: Watcher,
  key: string,
  mode: LockMode | 'permit',
  token: bigint,
): Promise<void> => {
  watcher.entered(key, mode, token)
  await new Promise((resolve) => setImmediate(resolve))
  watcher.left(key, mode)
}

const TASKS: readonly Task[] = [
  (locks, key, watcher) => locks.withLock(key, ({ token }) => inside(watcher, key, 'exclusive', token)),
  (locks, key, watcher) =>
    locks.withLock(key, { mode: 'shared' }, ({ token }) => inside(watcher, key, 'shared', token)),
  (locks, key, watcher) =>
    locks.semaphore(key, PERMITS).withPermit(({ token }) => inside(watcher, key, 'permit', token)),
  async (locks, key, watcher) => {
    const group = await locks.acquireAll([key, MIXED_KEYS[0]!])
    for (const lock of group.locks) await inside(watcher, String(lock.key), 'exclusive', lock.token)
    await group.release()
  },
  // Uses two other keys, always in the same order. Groups order keys differently, so nesting shared keys could
  // deadlock.
  (locks, _key, watcher) =>
    locks.withLock(OUTER, ({ token }) => {
      watcher.entered(OUTER, 'exclusive', token)
      return locks
        .withLock(INNER, (inner) => inside(watcher, INNER, 'exclusive', inner.token))
        .finally(() => watcher.left(OUTER, 'exclusive'))
    }),
]

const NOBODY: Watcher = { entered: () => undefined, left: () => undefined }
