import type { LockKey } from '../../lock-key.js'
import type { SemaphoreCode } from '../../permit-operation.js'
import {
  encodeKey,
  encodeSemaphore,
  hashName,
  type PostgresKey,
  type PostgresSemaphore,
} from '../keys/key.js'

/** Behind what is hashed for something else than a name. No namespace ends like this, because no name has a NUL. */
const KIND = 'table'

/**
 * A row is found by 64 bits: those of a name or a raw bigint as with advisory locks. A pair of integers, which there is a
 * kind of lock of its own there, is hashed here, so that it is another row than the bigint with its bits.
 *
 * @throws {InvalidKeyError}
 */
export function encodeTableKey(key: LockKey, namespace: string): PostgresKey {
  const code = encodeKey(key, namespace)
  return code.isPair ? encodeKey(hashName(`pair\0${code.bits}`, KIND), '') : code
}

/** Its slots are rows, and its waiters stand in a row of their own. @throws {InvalidKeyError} */
export function encodeTableSemaphore(key: LockKey, permits: number, namespace: string): PostgresSemaphore {
  const code: SemaphoreCode = encodeSemaphore(key, permits, namespace)
  const { bits } = code.key as PostgresKey
  const waiters = encodeKey(hashName(`waiters\0${bits}`, KIND), '')
  return { ...(code as PostgresSemaphore), key: waiters }
}

export const bitsOf = (key: { readonly id: string }): string => (key as PostgresKey).bits
