import { InvalidKeyError } from '../base/errors.js'
import { show, text, type OptionSpec } from '../base/options.js'
import type { LockKey } from './lock-key.js'

/** In UTF-16 units. Longer names are mistakes more often than names. */
const MAX_NAME_LENGTH = 1024

const FIRST_SURROGATE = 0xd800
const LAST_SURROGATE = 0xdfff
const LONE_SURROGATE = /\p{Surrogate}/u

const ANY_NAMESPACE = text('', 200)

/** What a namespace may be. Two that are not well-formed Unicode could be one namespace at the server. */
export const NAMESPACE: OptionSpec<string> = {
  ...ANY_NAMESPACE,
  problem: (value) =>
    ANY_NAMESPACE.problem(value) ??
    (LONE_SURROGATE.test(value as string) ? 'must be well-formed Unicode' : null),
}

/** @throws {InvalidKeyError} if this can't be a key in any database. */
export function checkKey(key: LockKey): void {
  if (typeof key === 'string') checkName(key)
  else checkRawKey(key)
}

function checkName(name: string): void {
  if (name === '') throw new InvalidKeyError('a lock name must not be empty')
  if (name.length > MAX_NAME_LENGTH) {
    throw new InvalidKeyError(
      `a lock name may have at most ${MAX_NAME_LENGTH} characters, got ${name.length}`,
    )
  }
  // Not a regular expression, which takes more time for a short name than the rest of this (measured).
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i)
    if (unit === 0) throw new InvalidKeyError('a lock name must not contain NUL')
    if (unit < FIRST_SURROGATE || unit > LAST_SURROGATE) continue
    // Encoding as UTF-8 turns every lone surrogate into the same character: different names would be one lock.
    if (name.codePointAt(i) === unit) throw new InvalidKeyError('a lock name must be well-formed Unicode')
    i++
  }
}

/** Whether it is a list with one name. */
export function isRawName(key: LockKey): key is readonly [string] {
  return Array.isArray(key) && key.length === 1 && typeof key[0] === 'string'
}

/** MySQL allows 64 characters. Others could be different names in each server, or need an escape in our statements. */
const RAW_NAME = /^(?! )[ -~]{1,64}(?<! )$/

function checkRawName(name: string): void {
  if (RAW_NAME.test(name) && !/["\\]/.test(name)) return
  throw new InvalidKeyError(
    `a raw name has 1 to 64 characters of ASCII, no quotation mark, no backslash, and no space at an end: not ${show(name)}`,
  )
}

function checkRawKey(key: LockKey): void {
  if (typeof key === 'bigint') return
  if (typeof key === 'number') {
    throw new InvalidKeyError(
      `a raw lock key is a bigint or a pair of integers: write ${String(key)}n, not ${String(key)}`,
    )
  }
  if (isRawName(key)) return checkRawName(key[0])
  if (!Array.isArray(key) || key.length !== 2) {
    throw new InvalidKeyError(
      `a lock key is a name, a bigint, or a pair of 32-bit integers, not ${show(key)}`,
    )
  }
  for (const half of key as readonly unknown[]) {
    if (typeof half !== 'number' || (half | 0) !== half)
      throw new InvalidKeyError(`a raw pair must be two signed 32-bit integers, got ${show(half)}`)
  }
}
