import type { LockKey, LockMode } from '../../dialect/lock-key.js'
import type { Report } from '../messages/backend.js'
import type { Value } from '../messages/values.js'
import type { LockCall } from '../sql/statement.js'
import type { LockOwner } from './lock-owner.js'
import type { Patience } from './lock-source.js'

/** The void result of `pg_advisory_lock`. */
export const VOID = ''

const LOCK_TYPE: Readonly<Record<LockMode, string>> = { exclusive: 'ExclusiveLock', shared: 'ShareLock' }

/**
 * Does what a function of the `pg_advisory` family does, and answers what it would. `tell` is for the warning that goes
 * with an unlock of what is not held.
 */
export async function callLock(
  call: LockCall,
  key: LockKey,
  owner: LockOwner,
  patience: Patience,
  tell: (notice: Report) => void,
): Promise<Value> {
  const { action, mode, scope } = call
  if (action === 'lock') {
    await owner.acquire(key, mode, scope, patience)
    return VOID
  }
  if (action === 'try') return owner.tryAcquire(key, mode, scope, patience)
  const isReleased = await owner.release(key, mode)
  const message = `you don't own a lock of type ${LOCK_TYPE[mode]}`
  if (!isReleased) tell({ severity: 'WARNING', code: '01000', message })
  return isReleased
}
