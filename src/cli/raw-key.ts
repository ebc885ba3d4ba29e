import type { LockKey } from '../dialect/lock-key.js'
import { UsageError } from './usage-error.js'

/**
 * A key of the server itself: in MariaDB and MySQL a name, in PostgreSQL one number or two. The library checks whether it is
 * in range.
 *
 * @throws {UsageError}
 */
export function rawKey(text: string, isName: boolean = false): LockKey {
  if (isName) return [text]
  if (/^-?\d+$/.test(text)) return BigInt(text)
  const pair = /^(-?\d+),(-?\d+)$/.exec(text)
  if (pair !== null) return [Number(pair[1]), Number(pair[2])]
  throw new UsageError(`with --raw, KEY is a number or a pair such as 12,34, not ${JSON.stringify(text)}`)
}
