import { quoted } from '../base/printable.js'
import type { LockKey } from './lock-key.js'

/** The text of a key in messages, events and snapshots. */
export function keyText(key: LockKey): string {
  if (typeof key === 'string') return key
  return typeof key === 'bigint' ? `${key}` : `(${key.join(', ')})`
}

/** The name of a semaphore for a sentence. */
export function semaphoreInWords(key: LockKey): string {
  return typeof key === 'string' ? `semaphore ${quoted(key)}` : `semaphore ${keyText(key)}`
}

/** The name of a key for a sentence. */
export function keyInWords(key: LockKey): string {
  return typeof key === 'string' ? `lock ${quoted(key)}` : `lock ${keyText(key)}`
}
