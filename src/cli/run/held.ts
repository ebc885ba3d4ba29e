import type { Lock } from '../../lock/handle/lock.js'
import type { LockGroup } from '../../lock/handle/lock-group.js'
import type { RunPool } from './run-pool.js'
import type { Permit } from '../../lock/semaphore/permit.js'
import type { RunOrder } from './run-order.js'

/** What a run holds while its command runs: a lock, several locks, or a permit. */
export class Held {
  readonly #parts: readonly (Lock | Permit)[]
  readonly #whole: Lock | Permit | LockGroup
  /** The number of the permit; null for locks. */
  readonly permit: number | null

  constructor(whole: Lock | Permit | LockGroup, permit: number | null = null) {
    this.#whole = whole
    this.#parts = 'locks' in whole ? whole.locks : [whole]
    this.permit = permit
  }

  get state(): 'held' | 'released' | 'lost' {
    return this.#whole.state
  }

  get signal(): AbortSignal {
    return this.#whole.signal
  }

  get heldMs(): number {
    return Math.max(...this.#parts.map((part) => part.heldMs))
  }

  /** All tokens, in the order of their keys, separated by spaces. Null if the database has no tokens. */
  get tokenText(): string | null {
    const tokens = this.#parts.map((part) => part.tokenText)
    return tokens.includes(null) ? null : tokens.join(' ')
  }

  release(): Promise<void> {
    return this.#whole.release()
  }
}

type Wanted = Pick<RunOrder, 'keys' | 'mode' | 'waitMs' | 'permits'>

/** Acquires the locks or the permit. Null if a single attempt found the lock busy. */
export async function acquireFor(order: Wanted, pool: RunPool, signal: AbortSignal): Promise<Held | null> {
  const { keys, mode, waitMs, permits } = order
  const isAttempt = waitMs === 0
  if (permits !== null) {
    const semaphore = pool.semaphore(keys[0]!, permits)
    const permit = await (isAttempt ? semaphore.tryAcquire({ signal }) : semaphore.acquire({ signal }))
    return permit && new Held(permit, permit.number)
  }
  if (keys.length > 1) return acquireSeveral(order, pool, signal)
  const lock = await (isAttempt
    ? pool.tryAcquire(keys[0]!, { mode, signal })
    : pool.acquire(keys[0]!, { mode, signal }))
  return lock && new Held(lock)
}

async function acquireSeveral(order: Wanted, pool: RunPool, signal: AbortSignal): Promise<Held | null> {
  const { keys, mode, waitMs } = order
  try {
    return new Held(await pool.acquireAll(keys, { mode, signal, timeoutMs: waitMs }))
  } catch (error) {
    const { code, phase } = error as { code?: unknown; phase?: unknown }
    if (waitMs === 0 && code === 'LOCK_TIMEOUT' && phase !== 'connecting') return null
    throw error
  }
}
