import { InvalidKeyError } from '../../../base/errors.js'
import { show } from '../../../base/options.js'
import { isRawName } from '../../check-key.js'
import { Sha256 } from '../../../base/sha256.js'
import type { KeyCode, LockKey } from '../../lock-key.js'
import type { SemaphoreCode } from '../../permit-operation.js'

/**
 * Named locks have no namespace: a name is one lock on the whole server, for all databases. MariaDB compares names as
 * bytes; MySQL ignores case and allows 64 characters. So a name is `lp1` and the first 128 bits of a SHA-256 over
 * database, namespace and key, in lower-case hexadecimal digits. Internal locks that belong to a lock have its name and
 * a short suffix.
 */
const PREFIX = 'lp1'

/** The maximum number of processes with a waiter registration for one key. Further processes poll. */
export const REGISTRATION_SLOTS = 4

/** The maximum number of sessions that can announce one number of permits of a semaphore. */
export const SHAPE_SLOTS = 2

/** The suffixes of the names of registrations. */
export const REGISTRATION_SUFFIXES: readonly string[] = Array.from(
  { length: REGISTRATION_SLOTS },
  (_, i) => `/${i}`,
)

/** The names of the registrations for the key with this name. */
export function registrationNames(id: string): string[] {
  return REGISTRATION_SUFFIXES.map((suffix) => `${id}${suffix}`)
}

/** The suffix of the name that the first session in the queue for a key holds. */
export const QUEUE_SUFFIX = '/l'

/** The suffix of the name that a waiting writer holds, so that new readers yield to it. */
export const WRITER_SUFFIX = '/w'

/** The suffix of the name of a reader slot. */
export function slotSuffix(slot: number): string {
  return `/r${slot}`
}

/** The names of all reader slots of the key with this name. */
export function slotNames(id: string, slots: number): string[] {
  return Array.from({ length: slots }, (_, i) => `${id}${slotSuffix(i)}`)
}

/**
 * The name that the listening connection of a process holds for each lock session of the process. It contains the
 * session's id.
 */
export function listenerName(serverId: number): string {
  return `${LISTENER_PREFIX}${serverId}`
}

export const LISTENER_PREFIX = 'lpbell/'

/** The name that a lock session holds so that the listening connection of its process can wait for it. */
export function waitName(serverId: number): string {
  return `lpwait/${serverId}`
}

/** One letter for each purpose, so that keys of different kinds never share a name. */
type Kind = 's' | 'b' | 'p' | 'c'

const SHA = new Sha256()

/** The names of locks in one database. */
export class LockNames {
  readonly #database: string

  /** Null means connections without a database. */
  constructor(database: string | null) {
    this.#database = database ?? ''
  }

  /** @throws {InvalidKeyError} */
  key(key: LockKey, namespace: string): KeyCode {
    if (isRawName(key)) return rawName(key[0])
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

/** The four hexadecimal digits of each 16-bit number. The names of locks consist of them. */
const DIGITS: readonly string[] = Array.from({ length: 65_536 }, (_, i) => i.toString(16).padStart(4, '0'))

function nameOf(words: Int32Array): string {
  let name = PREFIX
  for (let i = 0; i < 4; i++) name += DIGITS[words[i]! >>> 16]! + DIGITS[words[i]! & 0xffff]!
  return name
}

/** Names that lockpool itself holds. */
const OURS = /^(?:lp1|lpbell\/|lpwait\/|lpfence\/|lpuse\/|lpmove\/)/

/** A name of another program, taken as it is. It counts for all databases and namespaces. */
function rawName(name: string): KeyCode {
  if (OURS.test(name)) throw new InvalidKeyError(`names like ${show(name)} are reserved for lockpool`)
  return { id: name, hash: hashOf(name), noSharing: NO_SHARING }
}

/** The number of reader slots belongs to a namespace, and other programs do not check them. */
const NO_SHARING =
  'a name of GET_LOCK has one mode, because other programs take it too: use a name of lockpool, which is a text'

/** MySQL ignores the case of names, and allows no suffix of ours after more characters. */
const MOST_WITH_SUFFIX = 60

/** Whether the raw name is a different lock, or none, in MySQL. */
export function isOnlyForMariaDb(key: LockKey): boolean {
  return isRawName(key) && (key[0] !== key[0].toLowerCase() || key[0].length > MOST_WITH_SUFFIX)
}

/** The hash of the key with this id: the first digits of its name, or a hash of a raw name. */
export function hashOf(keyId: string): number {
  if (!keyId.startsWith(PREFIX)) {
    let hash = 0x811c9dc5
    for (let i = 0; i < keyId.length; i++) hash = Math.imul(hash ^ keyId.charCodeAt(i), 0x01000193)
    return hash | 0
  }
  const digits = keyId.slice(PREFIX.length, PREFIX.length + 8)
  return Number.parseInt(digits, 16) | 0
}

/** Raw keys come from PostgreSQL. Here they become names, so a program that moves to this server keeps its keys. */
function textOf(key: LockKey): readonly [Kind, string] {
  if (typeof key === 'string') return ['s', key]
  if (typeof key === 'bigint') {
    if (BigInt.asIntN(64, key) !== key)
      throw new InvalidKeyError(`a lock key that is a bigint has 64 bits with sign, not ${key}n`)
    return ['b', String(key)]
  }
  if (isRawName(key)) throw new InvalidKeyError('a raw name is a lock, not a semaphore')
  for (const half of key) {
    if ((half | 0) !== half)
      throw new InvalidKeyError(`a pair is two 32-bit integers with sign, not ${show(half)}`)
  }
  return ['p', `${key[0]},${key[1]}`]
}
