import { InvalidKeyError } from '../../base/errors.js'
import { checkKey } from '../../dialect/check-key.js'
import type { LockKey } from '../../dialect/lock-key.js'
import { encodeKey, encodeSemaphore } from '../../dialect/postgres/keys/key.js'
import { keyNameRow, type KeyNameRow } from '../../dialect/postgres/records/key-names.js'
import { titled, type ServerLock, type ServerLockKind } from '../../inspect/server-lock.js'
import { CONNECTION_FLAGS } from '../connection.js'
import type { KeyCoder } from './key-coder.js'
import { isMysql } from '../mysql/address.js'
import { toggle, type Flag, type FlagValues } from '../flags.js'
import { rawKey } from '../raw-key.js'
import { UsageError } from '../usage-error.js'

export type KeyFlags = Pick<typeof CONNECTION_FLAGS, 'namespace'> &
  Readonly<Record<'raw' | 'semaphore' | 'table', Flag<true>>>

/** The flags that say which lock KEY means. */
export const KEY_FLAGS: KeyFlags = {
  namespace: CONNECTION_FLAGS.namespace,
  raw: toggle({
    meaning:
      'KEY is a key of the server itself: 123 (bigint) or 12,34 (a pair), or in MariaDB and MySQL a name of GET_LOCK',
  }),
  semaphore: toggle({ meaning: 'KEY is the key of a semaphore' }),
  table: toggle({ meaning: 'KEY is a table: locks on it, and on rows of it that others wait for' }),
}

/** The locks that a command is about. */
export interface WantedLocks {
  /** The lock as people write it. */
  readonly title: string
  /** Whether it means all locks of one session, not one lock. */
  readonly isSession?: true
  readonly names: readonly KeyNameRow[]
  readonly isOne: (lock: ServerLock) => boolean
  /** Hints for a lock that does not exist, if one of another kind has this name: most likely the user forgot a flag. */
  readonly elsewhere: (locks: readonly ServerLock[]) => readonly string[]
}

const POSTGRES_KEYS: KeyCoder = {
  hasNames: false,
  lockId: (key, namespace) => {
    const { isPair, bits, high, low } = encodeKey(key, namespace)
    return isPair ? `${high},${low}` : bits
  },
  semaphoreId: (key, namespace) => encodeSemaphore(key, 1, namespace).key.id,
  nameRow: keyNameRow,
}

/** The coder for the database at this URL. */
export async function coderOf(url: string | undefined): Promise<KeyCoder> {
  return isMysql(url) ? (await import('../mysql/watch.js')).mysqlKeys(url) : POSTGRES_KEYS
}

/** Every lock that one session holds. */
export function locksOfSession(pid: number): WantedLocks {
  return {
    title: `session ${pid}`,
    isSession: true,
    names: [],
    isOne: ({ holders }) => holders.some(({ session }) => session.pid === pid),
    elsewhere: () => [],
  }
}

/** @throws {UsageError} */
export function wantedLocks(
  text: string,
  flags: FlagValues<KeyFlags>,
  coder: KeyCoder = POSTGRES_KEYS,
): WantedLocks {
  const kinds = (['raw', 'semaphore', 'table'] as const).filter((kind) => flags[kind] === true)
  if (kinds.length > 1 && kinds.includes('table'))
    throw new UsageError(`--${kinds[0]} and --${kinds[1]} exclude each other`)
  const elsewhere = (locks: readonly ServerLock[]): string[] => namesakes(text, locks)
  if (flags.table === true)
    return { title: `table ${text}`, names: [], isOne: ({ table }) => table === text, elsewhere }
  const key = flags.raw === true ? rawKey(text, coder.hasNames) : text
  const namespace = flags.namespace ?? ''
  const names = typeof key === 'string' ? [coder.nameRow(key, namespace, flags.semaphore === true)] : []
  if (flags.semaphore === true) {
    const id = encoded(() => coder.semaphoreId(checked(key), namespace))
    const isOne = (lock: ServerLock): boolean => lock.kind === 'semaphore' && lock.id === id
    return { title: `semaphore ${text}`, names, isOne, elsewhere }
  }
  const id = encoded(() => coder.lockId(checked(key), namespace))
  const title = flags.raw === true ? `key ${text}` : text
  return { title, names, isOne: (lock) => lock.kind === 'advisory' && lock.id === id, elsewhere }
}

/** Words before titles that do not say what they are. */
const WHAT: Partial<Record<ServerLockKind, string>> = { advisory: 'a lock ', semaphore: 'a semaphore ' }

const MOST_NAMESAKES = 5

function namesakes(text: string, locks: readonly ServerLock[]): string[] {
  const same = locks.filter(({ name, table, id, kind }) =>
    kind === 'advisory' || kind === 'semaphore' ? text === (name?.name ?? id) : table === text,
  )
  const hints = same.map((lock) => `there is ${WHAT[lock.kind] ?? ''}${titled(lock)}: ${flagsFor(lock)}`)
  return hints.slice(0, MOST_NAMESAKES)
}

/** The flags with which KEY means this lock. */
function flagsFor({ kind, name, table }: ServerLock): string {
  if (table !== null) return '--table'
  const flags = [
    ...(kind === 'semaphore' ? ['--semaphore'] : []),
    ...(name === null ? ['--raw'] : []),
    ...(name === null || name.namespace === '' ? [] : [`--namespace ${name.namespace}`]),
  ]
  return flags.length === 0 ? 'without a flag' : flags.join(' ')
}

function checked(key: LockKey): LockKey {
  checkKey(key)
  return key
}

/** An invalid key is a wrong command line. */
function encoded<T>(encode: () => T): T {
  try {
    return encode()
  } catch (error) {
    if (error instanceof InvalidKeyError) throw new UsageError(error.message)
    throw error
  }
}
