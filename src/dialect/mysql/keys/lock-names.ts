import { InvalidKeyError } from '../../../base/errors.js'
import { show } from '../../../base/options.js'
import { Sha256 } from '../../../base/sha256.js'
import type { KeyCode, LockKey } from '../../lock-key.js'
import type { SemaphoreCode } from '../../permit-operation.js'

/**
 * Named locks have no namespace: a name is one lock for the whole server, over all databases. MariaDB compares names as
 * bytes, MySQL without regard to case, and takes 64 characters. So a name is `lp1` and the first 128 bits of a SHA-256 in
 * lower-case hexadecimal digits, over the database, the namespace and the key. What belongs to a lock has its name and a
 * short suffix.
 */
const PREFIX = 'lp1'

/** How many processes can be known at the server to wait for one key. More of them poll. */
export const INTEREST_SLOTS = 4

/** How many sessions can be known to take a semaphore to have one number of permits. */
export const SHAPE_SLOTS = 2

/** The suffixes under which interest is kept. */
export const INTEREST_SUFFIXES: readonly string[] = Array.from({ length: INTEREST_SLOTS }, (_, i) => `/${i}`)

/** The names under which interest in the key of this name is kept. */
export function interestNames(id: string): string[] {
  return INTEREST_SUFFIXES.map((suffix) => `${id}${suffix}`)
}

/** The suffix of the name that whoever is at the head of the line for a key has. */
export const LINE_SUFFIX = '/l'

/** Held by the connection on which a process listens, for each of its lock sessions: by the number of the session. */
export function listenerName(serverId: number): string {
  return `${BELL_PREFIX}${serverId}`
}

export const BELL_PREFIX = 'lpbell/'

/** One for each purpose, so that no two kinds of keys share a name. */
type Kind = 's' | 'b' | 'p' | 'c'

const SHA = new Sha256()

/** Names of one database. */
export class LockNames {
  readonly #database: string

  /** Null stands for connections without a database. */
  constructor(database: string | null) {
    this.#database = database ?? ''
  }

  /** @throws {InvalidKeyError} */
  key(key: LockKey, namespace: string): KeyCode {
    const words = this.#words(key, namespace, '')
    return { id: nameOf(words), hash: words[0]! }
  }

  /** @throws {InvalidKeyError} */
  semaphore(key: LockKey, permits: number, namespace: string): SemaphoreCode {
    const words = this.#words(key, namespace, 'c')
    const [hash, name] = [words[0]!, nameOf(words)]
    return {
      key: { id: name, hash },
      permits,
      shape: { id: `${name}=${permits}`, hash },
      slot: (number) => ({ id: `${name}/s${number}`, hash }),
    }
  }

  #words(key: LockKey, namespace: string, purpose: '' | 'c'): Int32Array {
    const [kind, text] = textOf(key)
    return SHA.begin().add(`${this.#database}\0${namespace}\0${purpose}${kind}${text}`).end()
  }
}

/** Four digits for each number of 16 bits: the names of all locks are made of them. */
const DIGITS: readonly string[] = Array.from({ length: 65_536 }, (_, i) => i.toString(16).padStart(4, '0'))

function nameOf(words: Int32Array): string {
  let name = PREFIX
  for (let i = 0; i < 4; i++) name += DIGITS[words[i]! >>> 16]! + DIGITS[words[i]! & 0xffff]!
  return name
}

/** The hash of the key with this id: the first digits of its name. */
export function hashOf(keyId: string): number {
  const digits = keyId.slice(PREFIX.length, PREFIX.length + 8)
  return Number.parseInt(digits, 16) | 0
}

/** Raw keys are PostgreSQL's. Here they are names like others: a program that moves keeps its keys. */
function textOf(key: LockKey): readonly [Kind, string] {
  if (typeof key === 'string') return ['s', key]
  if (typeof key === 'bigint') {
    if (BigInt.asIntN(64, key) !== key)
      throw new InvalidKeyError(`a lock key that is a bigint has 64 bits with sign, not ${key}n`)
    return ['b', String(key)]
  }
  for (const half of key) {
    if ((half | 0) !== half)
      throw new InvalidKeyError(`a pair is two 32-bit integers with sign, not ${show(half)}`)
  }
  return ['p', `${key[0]},${key[1]}`]
}
