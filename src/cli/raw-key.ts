import type { LockKey } from '../dialect/lock-key.js'
import { UsageError } from './usage-error.js'

/**
 * The library checks whether the numbers are in range.
 *
 * @throws {UsageError}
 */
export function rawKey(text: string): LockKey {
  if (/^-?\d+$/.test(text)) return BigInt(text)
  const pair = /^(-?\d+),(-?\d+)$/.exec(text)
  if (pair !== null) return [Number(pair[1]), Number(pair[2])]
  throw new UsageError(`with --raw, KEY is a number or a pair such as 12,34, not ${JSON.stringify(text)}`)
}
