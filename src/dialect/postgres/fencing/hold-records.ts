import type { KeyCode, LockMode } from '../../lock-key.js'
import { endsCleanly, isGranted, type BatchReply, type LockOperation } from '../../lock-operation.js'
import { MARK, NAME_SESSION, SETTLE, UNMARK } from './hold-record-sql.js'
import { sqlState } from '../connection/server-errors.js'
import { strictFailure } from '../schema/schema.js'
import type { OwnValue, Prepared } from '../connection/own-query.js'
import type { ServerConnection } from '../connection/server-connection.js'

/**
 * The marks of a strict session: a row in `lockpool.hold` for as long as a key is held, and for longer only if that ended
 * uncleanly. Whoever is granted the key then learns of it, and how long the lease was. The marks depend on no clock of the
 * server, nor on how it came to let go.
 *
 * Marks are removed before the unlock, and made after the grant. Whatever fails in between leaves a mark too many, never
 * one too few: somebody waits for nothing.
 */
export class PostgresHoldRecords {
  readonly #server: ServerConnection
  readonly #session: string
  readonly #leaseMs: number

  /** `session` is what it calls itself in its marks. */
  constructor(server: ServerConnection, session: string, leaseMs: number) {
    this.#server = server
    this.#session = session
    this.#leaseMs = leaseMs
  }

  static async nameSession(server: ServerConnection): Promise<string> {
    return (await server.query<{ session: string }>(NAME_SESSION)).rows[0]!.session
  }

  /** Carries `run` out between the removal of the old marks and the making of the new. */
  async around(operations: readonly LockOperation[], run: () => Promise<BatchReply>): Promise<BatchReply> {
    const [, reply] = await Promise.all([this.#unmark(operations.filter(endsCleanly)), run()])
    const granted: number[] = []
    for (let i = 0; i < operations.length; i++) {
      if (isGranted(reply.answers[i]) && marks(operations[i]!)) granted.push(i)
    }
    return granted.length === 0 ? reply : { ...reply, delaysMs: await this.#mark(operations, granted) }
  }

  async settled(key: KeyCode, mode: LockMode): Promise<void> {
    // A writer has put its own mark in place of what was left over.
    if (mode === 'exclusive') return
    await this.#carryOut(STATEMENTS.settle, [key.id])
  }

  /** Committed before the server begins with the batch that is sent behind it. */
  async #unmark(operations: readonly LockOperation[]): Promise<void> {
    if (operations.length === 0) return
    await this.#carryOut(STATEMENTS.unmark, [...this.#rowsOf(operations), this.#session])
  }

  async #mark(operations: readonly LockOperation[], granted: readonly number[]): Promise<number[] | null> {
    const values = [...this.#rowsOf(granted.map((i) => operations[i]!)), this.#session, this.#leaseMs]
    const rows = await this.#carryOut<{ place: number; delay_ms: number }>(STATEMENTS.mark, values)
    if (rows.length === 0) return null
    const delaysMs = operations.map(() => 0)
    for (const { place, delay_ms: delayMs } of rows) {
      const i = granted[place]!
      // What was yielded and kept has not been away: nobody else can believe to have it.
      if (operations[i]!.kind !== 'yield') delaysMs[i] = delayMs
    }
    return delaysMs
  }

  /** @throws {StrictUnavailableError} the table is locked, gone, or not for this role any more */
  async #carryOut<Row extends object>(statement: Prepared, values: OwnValue[]): Promise<Row[]> {
    try {
      return await this.#server.prepared<Row>(statement, values)
    } catch (error) {
      throw FAULTS.has(sqlState(error) ?? '') ? strictFailure(error as Error, 'lockpool.hold') : error
    }
  }

  /** The keys, and who holds each of them. */
  #rowsOf(operations: readonly LockOperation[]): [string[], string[]] {
    return [
      operations.map(({ key }) => key.id),
      operations.map(({ mode }) => (mode === 'exclusive' ? '' : this.#session)),
    ]
  }
}

/** A lock that was not to be had in time; no such table or schema, no right to use it. */
const FAULTS: ReadonlySet<string> = new Set(['55P03', '42P01', '3F000', 'XX000', '42501', '25006'])

/** Readers who join have the mark of those who were there before. */
function marks({ kind }: LockOperation): boolean {
  return kind !== 'join'
}

const STATEMENTS = {
  mark: { name: 'lockpool_mark', text: MARK },
  unmark: { name: 'lockpool_unmark', text: UNMARK },
  settle: { name: 'lockpool_settle', text: SETTLE },
} as const
