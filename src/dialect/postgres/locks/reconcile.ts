import { ConnectionError } from '../../../base/errors.js'
import type { Holding } from '../../dialect.js'
import type { RegistrationBook } from './registration-book.js'
import { bucketOf } from '../keys/key-hash.js'
import {
  BUCKET_CLASS,
  REGISTRATION_CLASS,
  WRITER_CHECK_CLASS,
  WRITER_CLASS,
  type PostgresKey,
} from '../keys/key.js'
import { HELD_BY, UNLOCK_EACH } from './reconcile-sql.js'
import type { ServerConnection } from '../connection/server-connection.js'

/** One advisory lock in the form of pg_locks. */
interface ServerHold {
  readonly bits: string
  readonly is_pair: boolean
  readonly is_exclusive: boolean
}

/**
 * If two keys of the session share one half of an intent lock, that half is locked twice. pg_locks shows it once, so
 * several rounds may be needed.
 */
const MAX_ROUNDS = 5

/**
 * Makes a session hold exactly `expected`. It unlocks what is superfluous, which works even with a full lock table. It
 * returns the locks that are missing. Missing registrations and intent locks are not returned, because the next attempt
 * sets them again. Afterwards the book matches the session.
 */
export async function makeHold(
  server: ServerConnection,
  serverId: number,
  expected: readonly Holding[],
  book: RegistrationBook,
): Promise<readonly Holding[]> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const { rows } = await server.query<ServerHold>(HELD_BY, [serverId])
    const held = new Set(rows.map(nameOf))
    const allowed = new Set(expected.flatMap((holding) => holdsOf(holding, held)).map(nameOf))
    const extra = rows.filter((hold) => !allowed.has(nameOf(hold)))
    if (extra.length === 0) {
      rewrite(book, expected, held)
      return expected.filter((holding) => isLock(holding) && !held.has(nameOf(lockOf(holding))))
    }
    await server.query(UNLOCK_EACH, [
      extra.map((hold) => hold.bits),
      extra.map((hold) => hold.is_pair),
      extra.map((hold) => hold.is_exclusive),
      serverId,
    ])
  }
  throw new ConnectionError('the session holds locks that it cannot release')
}

function isLock({ what }: Holding): boolean {
  return what === 'exclusive' || what === 'shared'
}

/** Rewrites the book from the facts, because it is unknown how far a failed batch came. */
function rewrite(book: RegistrationBook, expected: readonly Holding[], held: ReadonlySet<string>): void {
  book.clear()
  for (const holding of expected) {
    if (isLock(holding)) continue
    const key = holding.key as PostgresKey
    if (intentsOf(key, held).length > 0) book.setIntent(key)
    if (holding.what === 'intent') continue
    if (held.has(nameOf(registrationOf(key)))) book.add(key)
    if (held.has(nameOf(bucketFor(key)))) book.enter(key.hash)
  }
}

/** The locks on the server that belong to one holding. Those that accompany a registration may exist or not. */
function holdsOf(holding: Holding, held: ReadonlySet<string>): ServerHold[] {
  const key = holding.key as PostgresKey
  if (isLock(holding)) return [lockOf(holding)]
  if (holding.what === 'intent') return intentsOf(key, held)
  return [registrationOf(key), bucketFor(key), ...intentsOf(key, held)]
}

function lockOf({ key, what }: Holding): ServerHold {
  const { bits, isPair } = key as PostgresKey
  return { bits, is_pair: isPair, is_exclusive: what === 'exclusive' }
}

function registrationOf({ hash }: PostgresKey): ServerHold {
  return { bits: pairBits(REGISTRATION_CLASS, hash), is_pair: true, is_exclusive: false }
}

function bucketFor({ hash }: PostgresKey): ServerHold {
  return { bits: pairBits(BUCKET_CLASS, bucketOf(hash)), is_pair: true, is_exclusive: false }
}

/** Returns both halves of an intent lock, or none: a half is never kept. */
function intentsOf({ hash, check }: PostgresKey, held: ReadonlySet<string>): ServerHold[] {
  const halves = [
    { bits: pairBits(WRITER_CLASS, hash), is_pair: true, is_exclusive: true },
    { bits: pairBits(WRITER_CHECK_CLASS, check), is_pair: true, is_exclusive: true },
  ]
  return halves.every((half) => held.has(nameOf(half))) ? halves : []
}

function nameOf(hold: ServerHold): string {
  return `${hold.is_pair ? 'p' : ''}${hold.bits}${hold.is_exclusive ? 'x' : 's'}`
}

/** Converts a pair as HELD_BY does: pg_locks has both halves as unsigned numbers. */
function pairBits(first: number, second: number): string {
  return String(
    BigInt.asIntN(64, (BigInt.asUintN(32, BigInt(first)) << 32n) | BigInt.asUintN(32, BigInt(second))),
  )
}
