import type { LockKey, LockMode } from '../../dialect/lock-key.js'
import type { Report } from '../messages/backend.js'
import type { Value } from '../messages/values.js'
import type { LockCall } from '../sql/statement.js'
import type { LockOwner } from './lock-owner.js'
import type { WaitLimits } from './lock-source.js'

/** The void result of `pg_advisory_lock`. */
export const VOID = ''

const LOCK_TYPE: Readonly<Record<LockMode, string>> = { exclusive: 'ExclusiveLock', shared: 'ShareLock' }

/**
 * Runs a function of the `pg_advisory` family, and returns its result. It calls `notice` with the warning of an unlock without
 * a lock.
 */
export function callLock(
  call: LockCall,
  key: LockKey,
  owner: LockOwner,
  waitLimits: WaitLimits,
  notice: (notice: Report) => void,
): Value | Promise<Value> {
  const { action, mode, scope } = call
  if (action === 'lock') return owner.acquire(key, mode, scope, waitLimits)?.then(toVoid) ?? VOID
  if (action === 'try') return owner.tryAcquire(key, mode, scope, waitLimits)
  const released = owner.release(key, mode)
  if (released !== null) return released.then(toTrue)
  const message = `you don't own a lock of type ${LOCK_TYPE[mode]}`
  notice({ severity: 'WARNING', code: '01000', message })
  return false
}

const toVoid = (): Value => VOID
const toTrue = (): Value => true
