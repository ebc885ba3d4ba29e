import type { Listener } from '../../base/emitter.js'
import type { LockEvents } from '../../lock/lock-events.js'
import type { LockPool } from '../../lock/lock-pool.js'
import type { PoolEvents } from '../../pool/pool-events.js'

/** What a run needs of its pool, whatever database that is for. */
export interface RunPool extends Pick<
  LockPool<object>,
  'acquire' | 'tryAcquire' | 'acquireAll' | 'semaphore' | 'snapshot' | 'close'
> {
  readonly connections: {
    on(event: 'connection:failed', listener: Listener<PoolEvents['connection:failed']>): unknown
  }
  on<Name extends keyof LockEvents>(event: Name, listener: Listener<LockEvents[Name]>): unknown
}
