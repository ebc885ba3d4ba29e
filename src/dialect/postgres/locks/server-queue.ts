import type { LockMode } from '../../lock-key.js'
import { SAID, type BatchReply } from '../../lock-operation.js'
import {
  EXCLUSIVE_QUEUE,
  EXCLUSIVE_PAIR_QUEUE,
  SHARED_QUEUE,
  SHARED_PAIR_QUEUE,
  type QueueSql,
} from './server-queue-sql.js'
import type { PostgresKey } from '../keys/key.js'
import type { TextRow } from '../connection/stepped-query.js'
import type { OwnValue, Prepared } from '../connection/own-query.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { sqlState } from '../connection/server-errors.js'

/** A wait for a key. */
export interface QueueWait {
  readonly key: PostgresKey
  readonly mode: LockMode
  readonly waitMs: number
  /** Called with true if the key was free at once. */
  readonly onFirstRow: (wasFree: boolean) => void
}

/** The waits of one session in the server queue. */
export class ServerQueue {
  readonly #server: ServerConnection
  #longestWaitMs: number
  /** The number of failed waits in a row. */
  #failures = 0

  /** `quietWaitMs` is the longest wait that this server does not log. */
  constructor(server: ServerConnection, quietWaitMs: number) {
    this.#server = server
    this.#longestWaitMs = quietWaitMs < SHORTEST_MS ? 0 : Math.min(Math.floor(quietWaitMs * SAFE), LONGEST_MS)
  }

  get longestWaitMs(): number {
    return this.#longestWaitMs
  }

  async enqueue(
    key: PostgresKey,
    mode: LockMode,
    waitMs: number,
    fence: string | null,
    check: (pid: number) => void,
  ): Promise<BatchReply> {
    const { take } = stepsFor(key, mode)
    const values = key.isPair ? [key.high, key.low, fence] : [key.bits, fence]
    let isFree = false
    const onFirstRow = (wasFree: boolean): void => void (isFree = wasFree)
    const row = await this.behind<{ said: string; pid: number }>(
      { key, mode, waitMs, onFirstRow },
      take,
      values,
    )
    check(row.pid)
    if (row.said === SAID.no) return { answers: SAID.no, token: null, delaysMs: null }
    const token = row.said === SAID.granted ? null : row.said
    return { answers: isFree ? SAID.free : SAID.granted, token, delaysMs: null }
  }

  /**
   * Runs a statement behind a wait for the key, and returns its one row. Everything is sent at once, because the server must be
   * able to end the wait without the client.
   */
  async behind<Row extends object>(
    { key, mode, waitMs, onFirstRow }: QueueWait,
    statement: Prepared,
    values: OwnValue[],
  ): Promise<Row> {
    const { come, wait } = stepsFor(key, mode)
    const digits = key.isPair ? `${key.high} ${key.low}` : key.bits
    const hashed = [String(waitMs), digits, String(key.hash)]
    const steps = [
      { statement: come, values: mode === 'shared' ? hashed : [...hashed, String(key.check)] },
      { statement: wait, values: [] },
    ]
    try {
      const first = (row: TextRow): void => onFirstRow(row[STATE_COLUMN] === 'free')
      const [row] = await this.#server.stepped<Row>(steps, statement, values, first)
      this.#failures = 0
      return row!
    } catch (error) {
      if (++this.#failures >= MAX_FAILURES || sqlState(error) === UNDEFINED_OBJECT) this.#longestWaitMs = 0
      throw error
    }
  }
}

const STATE_COLUMN = 2

/** The server has no PL/pgSQL. */
const UNDEFINED_OBJECT = '42704'

/** The longest wait. If the client gives up, or the network fails, the wait in the server goes on until its end. */
const LONGEST_MS = 750

/** A wait must end within this part of the time that the server does not log. */
const SAFE = 0.75

/** Shorter waits are not worth it. */
const SHORTEST_MS = 100

/** One failure may be a cancel, or a missing token sequence. After this many, waiting itself does not work here. */
const MAX_FAILURES = 3

interface Steps {
  readonly come: Prepared
  readonly wait: Prepared
  readonly take: Prepared
}

function named(suffix: string, { come, wait, take }: QueueSql): Steps {
  return {
    come: { name: `lockpool_come${suffix}`, text: come },
    wait: { name: `lockpool_wait${suffix}`, text: wait },
    take: { name: `lockpool_take_next${suffix}`, text: take },
  }
}

const STEPS = {
  exclusive: named('', EXCLUSIVE_QUEUE),
  shared: named('_shared', SHARED_QUEUE),
}

const PAIR_STEPS = {
  exclusive: named('_pair', EXCLUSIVE_PAIR_QUEUE),
  shared: named('_shared_pair', SHARED_PAIR_QUEUE),
}

function stepsFor({ isPair }: PostgresKey, mode: LockMode): Steps {
  return (isPair ? PAIR_STEPS : STEPS)[mode]
}
