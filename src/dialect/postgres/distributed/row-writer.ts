import { backoffDelay, type Backoff } from '../../../base/backoff.js'
import { sleep, type Clock } from '../../../base/clock.js'
import { ConnectionError } from '../../../base/errors.js'
import type { Random } from '../../../base/random.js'
import { STEP, type LeaseRow } from '../../rows/row-change.js'
import type { Asking } from '../../rows/row-store.js'
import { OutcomeUnknown } from '../../rows/statement-runner.js'
import { ERRORS, type SendStatement, type StatementRunner } from '../table/statement-runner.js'
import { MAKE_ROWS, READ_ROWS, WRITE_ROWS } from './lease-sql.js'
import { listOf, nextVersion, storedRow, type LeaseColumns, type StoredRow } from './stored-row.js'

/** One row to write: from what was read to what an operation made of it. */
export interface RowWrite {
  readonly key: string
  readonly before: StoredRow
  readonly after: LeaseRow
}

export interface RowMake {
  readonly key: string
  readonly row: LeaseRow
}

/** What one flight sends. All statements leave at once; each is a transaction. */
export interface Flight {
  /** Rows that this member wrote last. They share a statement. */
  readonly quiet: readonly RowWrite[]
  /**
   * Rows that other members may be writing. Each is a statement, up to `MOST_ALONE`: a conflict undoes only one row,
   * and a statement that waits for one row holds no other, so two members can't deadlock.
   */
  readonly contended: readonly RowWrite[]
  readonly makes: readonly RowMake[]
  readonly reads: readonly string[]
}

/** What has happened. A key that is missing in a map was not written, or not for certain found. */
export interface Landed {
  readonly written: ReadonlySet<string>
  /** The token of each new row. */
  readonly made: ReadonlyMap<string, bigint>
  /** The rows that exist. Null if nothing was read, or the member is not in this epoch. */
  readonly rows: ReadonlyMap<string, StoredRow> | null
  /** The least floor of all statements that have passed the gate. Null if none has. */
  readonly floor: bigint | null
  /** Whether the server has undone some statement because of a conflict. */
  readonly hasConflict: boolean
}

const MOST_ALONE = 16

/** Below the 3,000 rows that a transaction may change in Aurora DSQL. */
export const MOST_AT_ONCE = 1000

const AGAIN: Backoff = { firstMs: 1, factor: 2, capMs: 100, jitter: 1 }

/** Sends the statements of one member. */
export type Runner = Pick<StatementRunner, 'isOver' | 'rows' | 'rowsAtLast' | 'together'>

export interface WriterHost {
  readonly clock: Clock
  readonly random: Random
  readonly limitMs: number
}

/** Sends flights for one call of the store, until all its rows are settled. */
export class RowWriter {
  readonly #runner: Runner
  readonly #host: WriterHost
  readonly #gate: [string, string]
  readonly #since: number
  #attempts = 0
  /** Halved by each conflict: one row that others write must not undo many again and again. */
  #atOnce = MOST_AT_ONCE
  #hasChanged = false

  constructor(runner: Runner, host: WriterHost, { id, epoch }: Pick<Asking, 'id' | 'epoch'>) {
    this.#runner = runner
    this.#host = host
    this.#gate = [String(id), epoch]
    this.#since = host.clock.now()
  }

  /** Whether an earlier flight of this call has changed something. */
  get hasChanged(): boolean {
    return this.#hasChanged
  }

  /**
   * @throws {OutcomeUnknown} some statement may have changed something that this call can't tell any more
   * @throws {Error} nothing was changed
   */
  async send(flight: Flight): Promise<Landed> {
    const pieces = [
      ...parts(flight.quiet, this.#atOnce).map((each) => () => this.#write(each)),
      ...alone(flight.contended, this.#atOnce).map((each) => () => this.#write(each)),
      ...parts(flight.makes, this.#atOnce).map((each) => () => this.#make(each)),
      ...(flight.reads.length > 0 ? [() => this.#read(flight.reads)] : []),
    ]
    const isReading = pieces.length === (flight.reads.length > 0 ? 1 : 0)
    for (;;) {
      const landing = new Landing()
      try {
        // oxlint-disable-next-line no-await-in-loop -- again only if nothing but a read was sent
        await this.#runner.together((send) => landing.all(pieces.map((piece) => piece()(send))))
        if (landing.hasChanged) this.#hasChanged = true
        if (landing.hasConflict) this.#atOnce = Math.ceil(Math.min(this.#atOnce, sizeOf(flight)) / 2)
        return landing
      } catch (error) {
        const isLost = error instanceof OutcomeUnknown
        if (!isLost && (this.#hasChanged || landing.hasChanged)) throw new OutcomeUnknown(error)
        if (!isLost || !isReading) throw error
      }
      // oxlint-disable-next-line no-await-in-loop -- the same
      await this.pause()
    }
  }

  /** Waits before a flight for rows that have moved meanwhile. @throws the lease is over */
  async pause(): Promise<void> {
    const { clock, random, limitMs } = this.#host
    if (this.#runner.isOver || clock.now() - this.#since > limitMs) {
      const error = new ConnectionError('the rows of these locks are written by others all the time')
      throw this.#hasChanged ? new OutcomeUnknown(error) : error
    }
    await sleep(clock, backoffDelay(AGAIN, this.#attempts++, random))
  }

  #write(writes: readonly RowWrite[]): Piece {
    const values = [...this.#gate, ...columnsOf(writes)]
    return async (send) => {
      const rows = await send<{ key: string; floor: string }>(STATEMENTS.write, values)
      return { written: rows.map(({ key }) => key), floor: rows[0]?.floor }
    }
  }

  #make(makes: readonly RowMake[]): Piece {
    const rows = makes.map(({ row }) => row)
    const values = [...this.#gate, makes.map(({ key }) => key), owners(rows), ...lists(rows)]
    return async (send) => {
      const found = await send<{ key: string; token: string }>(STATEMENTS.make, values)
      return { made: found }
    }
  }

  #read(keys: readonly string[]): Piece {
    return async (send) => {
      const rows = await send<LeaseColumns & { floor: string }>(STATEMENTS.read, [...this.#gate, keys])
      return rows.length === 0 ? {} : { rows: rows.filter(({ key }) => key !== null), floor: rows[0]!.floor }
    }
  }
}

/** The columns of rows to write, as `NEXT_ROWS` has them. */
export function columnsOf(writes: readonly RowWrite[]): string[][] {
  const rows = writes.map(({ after }) => after)
  return [
    writes.map(({ key }) => key),
    writes.map(({ before }) => String(before.version)),
    writes.map(({ before, after }) => String(nextVersion(before.version, after))),
    owners(rows),
    rows.map(({ token }) => String(token)),
    ...lists(rows),
  ]
}

function owners(rows: readonly LeaseRow[]): string[] {
  return rows.map(({ owner }) => String(owner ?? 0))
}

function lists(rows: readonly LeaseRow[]): [string[], string[]] {
  return [rows.map(({ readers }) => listOf(readers)), rows.map(({ waiters }) => listOf(waiters))]
}

interface Piece {
  (send: SendStatement): Promise<PieceAnswer>
}

interface PieceAnswer {
  readonly written?: readonly string[]
  readonly made?: readonly { readonly key: string; readonly token: string }[]
  readonly rows?: readonly LeaseColumns[]
  readonly floor?: string | undefined
}

/** Collects the answers of one flight. */
class Landing implements Landed {
  readonly written = new Set<string>()
  readonly made = new Map<string, bigint>()
  rows: Map<string, StoredRow> | null = null
  floor: bigint | null = null
  hasConflict = false

  get hasChanged(): boolean {
    return this.written.size + this.made.size > 0
  }

  /** Waits for all, and throws the worst error. A statement that was undone has only not written its rows. */
  async all(pieces: readonly Promise<PieceAnswer>[]): Promise<void> {
    let refusal: unknown
    let loss: unknown
    for (const settled of await Promise.allSettled(pieces)) {
      if (settled.status === 'fulfilled') this.#add(settled.value)
      else {
        const outcome = ERRORS.outcomeOf(settled.reason)
        if (outcome === 'undone') this.hasConflict = true
        else if (outcome === 'lost') loss ??= settled.reason
        else refusal ??= settled.reason
      }
    }
    if (loss !== undefined) throw loss
    if (refusal !== undefined) throw refusal
  }

  #add({ written = [], made = [], rows, floor }: PieceAnswer): void {
    for (const key of written) this.written.add(key)
    for (const { key, token } of made) {
      this.made.set(key, BigInt(token))
      this.#passed(BigInt(token) - STEP)
    }
    if (rows !== undefined) this.rows = new Map(rows.map((row) => [row.key, storedRow(row)]))
    if (floor !== undefined) this.#passed(BigInt(floor))
  }

  #passed(floor: bigint): void {
    if (this.floor === null || floor < this.floor) this.floor = floor
  }
}

function sizeOf({ quiet, contended, makes }: Flight): number {
  return Math.max(quiet.length, contended.length, makes.length, 1)
}

function parts<T>(all: readonly T[], atOnce: number): readonly (readonly T[])[] {
  const found: T[][] = []
  for (let from = 0; from < all.length; from += atOnce) found.push(all.slice(from, from + atOnce))
  return found
}

function alone<T>(all: readonly T[], atOnce: number): readonly (readonly T[])[] {
  return [...all.slice(0, MOST_ALONE).map((each) => [each]), ...parts(all.slice(MOST_ALONE), atOnce)]
}

const STATEMENTS = {
  read: { name: 'lockpool_dist_read', text: READ_ROWS },
  write: { name: 'lockpool_dist_write', text: WRITE_ROWS },
  make: { name: 'lockpool_dist_make', text: MAKE_ROWS },
} as const
