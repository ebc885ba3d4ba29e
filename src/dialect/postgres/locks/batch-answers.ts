import { SAID, type LockOperation, type OperationKind } from '../../lock-operation.js'
import type { EncodedBatch, Trailer } from './batch-codec.js'
import { CODE, INTENT_SET } from './batch-sql.js'
import { bitOf, type RegistrationBook } from './registration-book.js'
import type { PostgresKey } from '../keys/key.js'

/** The wanted buckets according to the checks in this batch, one bit each. */
export function wantedIn(said: string, { trailer }: EncodedBatch): number {
  const { from, looks, buckets } = trailer
  let wanted = 0
  for (let i = 0; i < buckets.length; i++)
    if (said[from + looks.length + i] === SAID.doneAndWanted) wanted |= 1 << buckets[i]!
  return wanted
}

/**
 * The answers to the operations in the form of the lock layer. `wanted` comes from the checks of buckets: a release of
 * a key in a wanted bucket reports that a process may be waiting.
 */
export function decodeAnswers(
  said: string,
  operations: readonly LockOperation[],
  batch: EncodedBatch,
  wanted: number,
  book: RegistrationBook,
): string {
  const { codes, hashes, rowOf, trailer } = batch
  if (hashes === null && wanted === 0 && trailer.looks.length === 0)
    return said.length === operations.length ? said : said.slice(0, operations.length)
  for (const { row, bit } of trailer.entries) if (said[row] === SAID.crowded) book.exit(bit)
  let answers = ''
  for (let i = 0; i < operations.length; i++) {
    const row = rowOf === null ? i : rowOf[i]!
    answers += decode(operations[i]!, codes[row]!, said[row]!, wanted, book)
  }
  return trailer.looks.length === 0 ? answers : withLooks(answers, said, trailer)
}

/** Applies the checks for exact keys to the answers of their releases. */
function withLooks(answers: string, said: string, { from, looks }: Trailer): string {
  const all = answers.split('')
  for (let i = 0; i < looks.length; i++)
    if (said[from + i] === SAID.doneAndWanted && all[looks[i]!] === SAID.done)
      all[looks[i]!] = SAID.doneAndWanted
  return all.join('')
}

function decode(
  { kind, key: code }: LockOperation,
  row: number,
  said: string,
  wanted: number,
  book: RegistrationBook,
): string {
  const key = code as PostgresKey
  switch (kind) {
    case 'wait':
    case 'queue':
    case 'retry':
    case 'poll':
      return answerOfRegistration(kind, row, said, key, book)
    case 'yield':
      return yielded(row, said, key, book)
    case 'release':
    case 'releaseEarly':
      return said === SAID.done && (wanted & bitOf(key.hash)) !== 0 ? SAID.doneAndWanted : said
    case 'upgrade':
      if (row === CODE.upgradeWithIntent && said === SAID.granted) book.clearIntent(key)
      return said
    case 'setIntent':
      if (said === INTENT_SET.done) book.setIntent(key)
      return SAID.done
    case 'try':
    case 'enqueue':
    case 'join':
    case 'rejoin':
    case 'downgrade':
    case 'leave':
    case 'clearIntent':
      return said
  }
}

/**
 * The registration has been in the book since the batch was encoded. It is correct unless the key was granted or the
 * registration could not be set.
 */
function answerOfRegistration(
  kind: OperationKind,
  row: number,
  said: string,
  key: PostgresKey,
  book: RegistrationBook,
): string {
  if (said === SAID.granted) {
    if (SHARES_REGISTRATION.has(row)) book.remove(key)
    else book.gone(key.hash)
    if (row === CODE.retryWithIntent) book.clearIntent(key)
    return said
  }
  if (said === INTENT_SET.waiting || said === INTENT_SET.no) book.setIntent(key)
  if (said === SAID.crowded) book.gone(key.hash)
  if (!book.hasRegistration(key) || !book.hasEntered(key.hash)) return SAID.crowded
  return kind === 'wait' || kind === 'queue' ? SAID.waiting : SAID.no
}

function yielded(row: number, said: string, key: PostgresKey, book: RegistrationBook): string {
  const isShared = row === CODE.releaseExclusive
  if (said !== (isShared ? SAID.done : SAID.waiting)) {
    if (isShared) book.remove(key)
    else book.gone(key.hash)
    return said
  }
  if (row === CODE.yieldAndEnter) book.enter(key.hash)
  return book.hasEntered(key.hash) ? SAID.waiting : SAID.crowded
}

/** For these codes, the registration also serves another key, so it stays. */
const SHARES_REGISTRATION: ReadonlySet<number> = new Set([CODE.tryExclusive, CODE.tryShared, CODE.takeShared])
