import { InvalidKeyError, ModeUnsupportedError } from '../../base/errors.js'
import { show } from '../../base/options.js'
import { checkKey } from '../../dialect/check-key.js'
import type { Dialect } from '../../dialect/dialect.js'
import type { KeyCode, LockKey, LockMode } from '../../dialect/lock-key.js'
import { RecentHashes } from './recent-hashes.js'

const REMEMBERED_NAMES = 4096

/** A key, as the caller gave it and as the dialect encodes it. */
export interface Wanted {
  readonly code: KeyCode
  readonly label: LockKey
}

/**
 * Encodes the keys of callers for the dialect. Hashing a name is costly, so names that come again are remembered: up to
 * twice `REMEMBERED_NAMES`, in two generations, of which the older is dropped as a whole.
 */
export class KeyEncoder {
  readonly #dialect: Pick<Dialect<never>, 'encodeKey'>
  readonly #namespace: string
  #recent = new Map<string, KeyCode>()
  #older = new Map<string, KeyCode>()
  readonly #recentHashes = new RecentHashes()

  constructor(dialect: Pick<Dialect<never>, 'encodeKey'>, namespace: string) {
    this.#dialect = dialect
    this.#namespace = namespace
  }

  /** @throws {InvalidKeyError} {ModeUnsupportedError} */
  code(key: LockKey, mode: LockMode = 'exclusive'): KeyCode {
    if (typeof key !== 'string') {
      checkKey(key)
      const raw = this.#dialect.encodeKey(key, this.#namespace)
      if (raw.noSharing !== undefined && mode === 'shared') throw new ModeUnsupportedError(raw.noSharing)
      return raw
    }
    let code = this.#recent.get(key)
    if (code !== undefined) return code
    code = this.#older.get(key)
    if (code === undefined) {
      checkKey(key)
      code = this.#dialect.encodeKey(key, this.#namespace)
      if (code.hash !== undefined && !this.#recentHashes.came(code.hash)) return code
    }
    if (this.#recent.size >= REMEMBERED_NAMES) {
      this.#older = this.#recent
      this.#recent = new Map()
    }
    this.#recent.set(key, code)
    return code
  }

  /** @throws {InvalidKeyError} naming all wrong keys at once. {ModeUnsupportedError} */
  codes(keys: Iterable<LockKey>, mode: LockMode = 'exclusive'): Wanted[] {
    if (
      typeof keys === 'string' ||
      typeof (keys as Partial<Iterable<LockKey>>)?.[Symbol.iterator] !== 'function'
    )
      throw new InvalidKeyError(`lock keys must be an array or another iterable of keys, not ${show(keys)}`)
    const wanted: Wanted[] = []
    const problems: string[] = []
    for (const label of keys) {
      try {
        wanted.push({ code: this.code(label, mode), label })
      } catch (error) {
        if (!(error instanceof InvalidKeyError)) throw error
        problems.push(error.message)
      }
    }
    if (problems.length > 0) throw new InvalidKeyError([...new Set(problems)].join('; '))
    return wanted
  }
}
