import type { LockKey } from '../../lock-key.js'
import type { SemaphoreCode } from '../../permit-operation.js'
import {
  encodeKey,
  encodeSemaphore,
  hashName,
  type PostgresKey,
  type PostgresSemaphore,
} from '../keys/key.js'

/**
 * The namespace of hash inputs that are not names. No namespace of a pool collides with it, because no name contains a
 * NUL.
 */
const KIND = 'table'

/**
 * A row is found by 64 bits: those of a name or of a raw bigint, as for advisory locks. Among advisory locks a pair of
 * integers is a separate kind. Here it is hashed, so that its row differs from that of the bigint with the same bits.
 *
 * @throws {InvalidKeyError}
 */
export function encodeTableKey(key: LockKey, namespace: string): PostgresKey {
  const code = encodeKey(key, namespace)
  return code.isPair ? encodeKey(hashName(`pair\0${code.bits}`, KIND), '') : code
}

/** The slots are rows, and another row is for the waiters. @throws {InvalidKeyError} */
export function encodeTableSemaphore(key: LockKey, permits: number, namespace: string): PostgresSemaphore {
  const code: SemaphoreCode = encodeSemaphore(key, permits, namespace)
  const { bits } = code.key as PostgresKey
  const waiters = encodeKey(hashName(`waiters\0${bits}`, KIND), '')
  return { ...(code as PostgresSemaphore), key: waiters }
}

export const bitsOf = (key: { readonly id: string }): string => (key as PostgresKey).bits
