import type { OwnValue, Prepared } from '../connection/own-query.js'
import type { Cancel, Clock } from '../../../base/clock.js'
import { SAID, type BatchReply, type LockOperation } from '../../lock-operation.js'
import { decodeAnswers, wantedIn } from './batch-answers.js'
import { BatchEncoder, type EncodedBatch } from './batch-codec.js'
import {
  BATCH,
  DROP_STALE,
  INTENT_SET,
  PAIR_BATCH,
  PLAIN_BATCH,
  RELEASE_ONE,
  RETRY_ONE,
  RETRY_ONE_WITH_INTENT,
  SHARED_BATCH,
  TRY_ONE,
} from './batch-sql.js'
import { RegistrationBook } from './registration-book.js'
import { bucketsIn } from '../keys/key-hash.js'
import { BUCKET_CLASS, REGISTRATION_CLASS, type PostgresKey } from '../keys/key.js'

/** What batches need from their owner. */
export interface BatchHost {
  readonly clock: Clock
  /** The sequence of tokens, or null. */
  readonly fence: () => string | null
  /** Runs a statement and returns its rows, without a check of the session that has run it. */
  readonly prepared: <Row extends object>(statement: Prepared, values: OwnValue[]) => Promise<Row[]>
  /** Runs a statement with one row, which names the session that has run it. */
  readonly ask: <Row extends { readonly pid: number }>(
    statement: Prepared,
    values: OwnValue[],
  ) => Promise<Row>
}

/**
 * The batches of one session: the choice of their statements, and the record of what the session has according to the
 * answers.
 */
export class PostgresBatches {
  readonly book: RegistrationBook = new RegistrationBook()
  readonly #encoder = new BatchEncoder(this.book)
  readonly #serverId: number
  readonly #host: BatchHost
  /** Buckets in which some process recently had a registration, one bit each. */
  #wanted = 0
  #batches = 0
  /** Buckets that were not needed at the last check. */
  #wasStale = 0
  #cancelDrop: Cancel | null = null

  constructor(serverId: number, host: BatchHost) {
    this.#serverId = serverId
    this.#host = host
  }

  /**
   * A batch of one operation is usually one of three kinds, which have their own statements. Those do not return which
   * session has run them, so they are not used behind a pooler.
   */
  run(operations: readonly LockOperation[], isBehindPooler: boolean): Promise<BatchReply> {
    const [first] = operations
    if (isBehindPooler || operations.length > 1 || first!.mode === 'shared') return this.#runMany(operations)
    const key = first!.key as PostgresKey
    if (key.isPair) return this.#runMany(operations)
    if (first!.kind === 'try') return this.#tryOne(key)
    if (first!.kind === 'release') return this.#releaseOne(key)
    if ((first!.kind === 'retry' || first!.kind === 'poll') && this.#isOrdinary(key))
      return this.#retryOne(key)
    return this.#runMany(operations)
  }

  /**
   * Cancels the planned cleanup while the session is being reconciled. Otherwise both could leave the same bucket,
   * which the server would log. The next batch plans the cleanup again.
   */
  rest(): void {
    this.#cancelDrop?.()
    this.#cancelDrop = null
  }

  /** Drops all registrations. The session holds nothing, and no statement is running. */
  async end(): Promise<void> {
    this.rest()
    const strays = this.#dropStale(0)
    // Without the registrations, their buckets are not needed either.
    await Promise.all([strays, this.#dropStale(this.book.stale)])
  }

  /** Whether the registration is complete, and serves this key only. */
  #isOrdinary(key: PostgresKey): boolean {
    return this.book.hasRegistration(key) && this.book.isAlone(key) && this.book.hasEntered(key.hash)
  }

  async #tryOne({ bits }: PostgresKey): Promise<BatchReply> {
    const [row] = await this.#host.prepared<{ said: string }>(STATEMENTS.tryOne, [bits, this.#host.fence()])
    return attempted(row!.said)
  }

  async #retryOne(key: PostgresKey): Promise<BatchReply> {
    const { book } = this
    const statement = book.hasIntent(key) ? STATEMENTS.retryWithIntent : STATEMENTS.retryOne
    const values = [key.bits, key.hash, key.check, this.#host.fence()]
    const [row] = await this.#host.prepared<{ said: string }>(statement, values)
    if (row!.said === INTENT_SET.no) book.setIntent(key)
    if (row!.said === SAID.no || row!.said === INTENT_SET.no) return attempted(SAID.no)
    book.clearIntent(key)
    book.gone(key.hash)
    this.#planDrop()
    return attempted(row!.said)
  }

  async #releaseOne({ bits, hash }: PostgresKey): Promise<BatchReply> {
    const [row] = await this.#host.prepared<{ said: string }>(STATEMENTS.releaseOne, [bits, hash])
    return { answers: row!.said, token: null, delaysMs: null }
  }

  /**
   * Bigint keys and pairs need two statements, because their lock functions differ. Nearly always there is only one
   * kind.
   */
  async #runMany(operations: readonly LockOperation[]): Promise<BatchReply> {
    const { isPair } = operations[0]!.key as PostgresKey
    if (isAll(operations, isPair)) return this.#runBatch(operations, isPair)
    const pairs = operations.filter((operation) => (operation.key as PostgresKey).isPair)
    const bigints = operations.filter((operation) => !(operation.key as PostgresKey).isPair)
    // The second statement draws its token while the locks of both statements are held.
    const [first, second] = await Promise.all([this.#runBatch(bigints, false), this.#runBatch(pairs, true)])
    const answers = { bigint: first.answers[Symbol.iterator](), pair: second.answers[Symbol.iterator]() }
    const inOrder = operations.map(
      ({ key }) => answers[(key as PostgresKey).isPair ? 'pair' : 'bigint'].next().value!,
    )
    return { answers: inOrder.join(''), token: second.token ?? first.token, delaysMs: null }
  }

  async #runBatch(operations: readonly LockOperation[], isPair: boolean): Promise<BatchReply> {
    if (this.#batches++ % LEARN_AGAIN_AFTER === 0) this.#wanted = 0
    const batch = this.#encoder.encode(operations, this.#wanted)
    const { codes, keys, hashes, mayGrant } = batch
    const fence = mayGrant ? this.#host.fence() : null
    const statement = isPair ? STATEMENTS.pairs : statementFor(batch)
    const isPlain = statement === STATEMENTS.plain
    const values = isPlain ? [codes, keys, fence] : [codes, keys, fence, hashes]
    const { answers, token } = await this.#host.ask<BatchRow>(statement, values)
    const wanted = wantedIn(answers, batch)
    this.#wanted |= wanted
    const decoded = decodeAnswers(answers, operations, batch, wanted, this.book)
    this.#planDrop()
    return { answers: decoded, token, delaysMs: null }
  }

  /**
   * Plans to leave the buckets that the session no longer needs, because other processes would find them and check in
   * vain. It happens after a delay: a process that has waited for a key often waits for it again.
   */
  #planDrop(): void {
    const { stale, strays } = this.book
    if (stale !== 0 || strays.size > 0) this.#cancelDrop ??= this.#host.clock.after(LINGER_MS, this.#drop)
  }

  readonly #drop = (): void => {
    this.#cancelDrop = null
    const { stale } = this.book
    // If this fails, so does the next statement.
    this.#dropStale(stale & this.#wasStale).catch(() => undefined)
    this.#wasStale = stale
    this.#planDrop()
  }

  async #dropStale(buckets: number): Promise<void> {
    const { book } = this
    const strays = [...book.strays]
    const numbers = [...strays, ...bucketsIn(buckets)]
    if (numbers.length === 0) return
    for (const hash of strays) book.gone(hash)
    book.exit(buckets)
    const classes = numbers.map((_, i) => (i < strays.length ? REGISTRATION_CLASS : BUCKET_CLASS))
    await this.#host.prepared(STATEMENTS.dropStale, [classes, numbers, this.#serverId])
  }
}

function statementFor({ hashes, isBrief }: EncodedBatch): Prepared {
  if (hashes === null) return STATEMENTS.plain
  return isBrief ? STATEMENTS.shared : STATEMENTS.full
}

function isAll(operations: readonly LockOperation[], isPair: boolean): boolean {
  for (const { key } of operations) if ((key as PostgresKey).isPair !== isPair) return false
  return true
}

interface BatchRow {
  readonly answers: string
  readonly token: string | null
  readonly pid: number
}

/** `said` is the token of the grant if there are tokens. */
function attempted(said: string): BatchReply {
  if (said === SAID.no || said === SAID.granted) return { answers: said, token: null, delaysMs: null }
  return { answers: SAID.granted, token: said, delaysMs: null }
}

/** The interval of the check for unneeded buckets. Buckets that were also unneeded at the previous check are left. */
const LINGER_MS = 25

/**
 * While a bucket counts as wanted, each release checks for registrations of its exact key, which costs the server as
 * much as the release itself. After this many batches the bucket is checked again, because the waiters may have gone.
 */
const LEARN_AGAIN_AFTER = 256

const STATEMENTS = {
  tryOne: { name: 'lockpool_try', text: TRY_ONE },
  retryOne: { name: 'lockpool_retry', text: RETRY_ONE },
  retryWithIntent: { name: 'lockpool_retry_marked', text: RETRY_ONE_WITH_INTENT },
  releaseOne: { name: 'lockpool_release', text: RELEASE_ONE },
  plain: { name: 'lockpool_plain', text: PLAIN_BATCH },
  shared: { name: 'lockpool_shared', text: SHARED_BATCH },
  full: { name: 'lockpool_batch', text: BATCH },
  pairs: { name: 'lockpool_pairs', text: PAIR_BATCH },
  dropStale: { name: 'lockpool_drop_stale', text: DROP_STALE },
} as const
