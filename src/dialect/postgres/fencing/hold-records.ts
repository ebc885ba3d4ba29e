import type { KeyCode, LockMode } from '../../lock-key.js'
import { endsCleanly, isGranted, type BatchReply, type LockOperation } from '../../lock-operation.js'
import { RECORD_HOLDS, NAME_SESSION, DELETE_LEFTOVER, DELETE_HOLDS } from './hold-record-sql.js'
import { sqlState } from '../connection/server-errors.js'
import { strictFailure } from '../schema/schema.js'
import type { OwnValue, Prepared } from '../connection/own-query.js'
import type { ServerConnection } from '../connection/server-connection.js'

/**
 * The hold records of a strict session. A row in `lockpool.hold` exists while a key is held, and longer only if the
 * hold ended uncleanly. The next holder of the key then finds it, with the length of the lease. The records do not
 * depend on any clock of the server, nor on the way in which the session ended.
 *
 * Records are deleted before the unlock and written after the grant. If something fails in between, there is a record
 * too many, never one too few. The cost is an unnecessary wait.
 */
export class PostgresHoldRecords {
  readonly #server: ServerConnection
  readonly #session: string
  readonly #leaseMs: number

  /** `session` is the name of the session in its records. */
  constructor(server: ServerConnection, session: string, leaseMs: number) {
    this.#server = server
    this.#session = session
    this.#leaseMs = leaseMs
  }

  static async nameSession(server: ServerConnection): Promise<string> {
    return (await server.query<{ session: string }>(NAME_SESSION)).rows[0]!.session
  }

  /** Runs `run` between the deletion of the old records and the insertion of the new ones. */
  async around(operations: readonly LockOperation[], run: () => Promise<BatchReply>): Promise<BatchReply> {
    const [, reply] = await Promise.all([this.#delete(operations.filter(endsCleanly)), run()])
    const granted: number[] = []
    for (let i = 0; i < operations.length; i++) {
      if (isGranted(reply.answers[i]) && writesRecord(operations[i]!)) granted.push(i)
    }
    return granted.length === 0 ? reply : { ...reply, delaysMs: await this.#record(operations, granted) }
  }

  async delayEnded(key: KeyCode, mode: LockMode): Promise<void> {
    // A writer's own record has already replaced the leftover one.
    if (mode === 'exclusive') return
    await this.#carryOut(STATEMENTS.deleteLeftover, [key.id])
  }

  /** The deletion is committed before the server starts the batch, which is sent after it. */
  async #delete(operations: readonly LockOperation[]): Promise<void> {
    if (operations.length === 0) return
    await this.#carryOut(STATEMENTS.delete, [...this.#rowsOf(operations), this.#session])
  }

  async #record(operations: readonly LockOperation[], granted: readonly number[]): Promise<number[] | null> {
    const values = [...this.#rowsOf(granted.map((i) => operations[i]!)), this.#session, this.#leaseMs]
    const rows = await this.#carryOut<{ place: number; delay_ms: number }>(STATEMENTS.record, values)
    if (rows.length === 0) return null
    const delaysMs = operations.map(() => 0)
    for (const { place, delay_ms: delayMs } of rows) {
      const i = granted[place]!
      // A lock that was offered and kept was held all the time, so no other process can believe that it has it.
      if (operations[i]!.kind !== 'yield') delaysMs[i] = delayMs
    }
    return delaysMs
  }

  /** @throws {StrictUnavailableError} the table is locked or missing, or this role may no longer use it */
  async #carryOut<Row extends object>(statement: Prepared, values: OwnValue[]): Promise<Row[]> {
    try {
      return await this.#server.prepared<Row>(statement, values)
    } catch (error) {
      throw FAULTS.has(sqlState(error) ?? '') ? strictFailure(error as Error, 'lockpool.hold') : error
    }
  }

  /** The keys, and the holder of each. */
  #rowsOf(operations: readonly LockOperation[]): [string[], string[]] {
    return [
      operations.map(({ key }) => key.id),
      operations.map(({ mode }) => (mode === 'exclusive' ? '' : this.#session)),
    ]
  }
}

/** lock_not_available, a missing table or schema, a missing right, a read-only transaction. */
const FAULTS: ReadonlySet<string> = new Set(['55P03', '42P01', '3F000', 'XX000', '42501', '25006'])

/** Readers that join share the record of the readers before them. */
function writesRecord({ kind }: LockOperation): boolean {
  return kind !== 'join'
}

const STATEMENTS = {
  record: { name: 'lockpool_mark', text: RECORD_HOLDS },
  delete: { name: 'lockpool_unmark', text: DELETE_HOLDS },
  deleteLeftover: { name: 'lockpool_settle', text: DELETE_LEFTOVER },
} as const
