import type { Listener } from '../../base/emitter.js'
import type { LockEvents } from '../../lock/lock-events.js'
import type { LockPool } from '../../lock/lock-pool.js'
import type { PoolEvents } from '../../pool/pool-events.js'

/** The part of a pool that a run uses, for every database. */
export interface RunPool extends Pick<
  LockPool<object>,
  'acquire' | 'tryAcquire' | 'acquireAll' | 'semaphore' | 'snapshot' | 'close'
> {
  readonly connections: {
    on(event: 'connection:failed', listener: Listener<PoolEvents['connection:failed']>): unknown
  }
  on<Name extends keyof LockEvents>(event: Name, listener: Listener<LockEvents[Name]>): unknown
}
