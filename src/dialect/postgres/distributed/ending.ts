import { backoffDelay, type Backoff } from '../../../base/backoff.js'
import { sleep } from '../../../base/clock.js'
import { names, swept } from '../../rows/row-change.js'
import type { OwnValue, Prepared } from '../connection/own-query.js'
import { ERRORS } from '../table/statement-runner.js'
import { LOOK_AT_ROWS, ROWS_THAT_NAME, WRITE_SWEPT_ROWS } from './lease-sql.js'
import { ABANDON, CLOSE_GATE, REMOVE_GATE, REMOVE_MEMBER } from './member-sql.js'
import { columnsOf, MOST_AT_ONCE, type Runner, type WriterHost } from './row-writer.js'
import { isSameRow, listOf, storedRow, type LeaseColumns, type StoredRow } from './stored-row.js'

const AGAIN: Backoff = { firstMs: 1, factor: 2, capMs: 100, jitter: 1 }

/** The maximum number of attempts at a statement that the server undoes. */
const MOST_ATTEMPTS = 30

/** How a member ends, and how others clean up after it. */
export class Endings {
  readonly #runner: Runner
  readonly #host: WriterHost

  constructor(runner: Runner, host: WriterHost) {
    this.#runner = runner
    this.#host = host
  }

  /** After the gate is closed, no row can begin to name the member. So a member that no row names may go. */
  async leave(id: string): Promise<void> {
    await this.#run(STATEMENTS.closeGate, [id])
    if ((await this.#rowsThatName(id)).size > 0) {
      await this.abandon(id)
      return this.sweep(id, [])
    }
    await this.#remove(id)
  }

  async abandon(id: string): Promise<void> {
    await this.#run(STATEMENTS.abandon, [id])
  }

  async sweep(id: string, dead: readonly string[]): Promise<void> {
    const gates = await this.#run(STATEMENTS.closeGate, [id])
    // Without a gate, another member has already cleaned up the rows.
    if (gates.length > 0) await this.#sweepRows(id, new Set(dead.map(Number)))
    await this.#remove(id)
  }

  async #sweepRows(id: string, dead: ReadonlySet<number>): Promise<void> {
    const member = Number(id)
    let rows = await this.#rowsThatName(id)
    for (let attempt = 0; rows.size > 0; attempt++) {
      const writes = [...rows].map(([key, before]) => ({ key, before, after: swept(before, member, dead) }))
      const needed = writes.filter(({ before, after }) => !isSameRow(before, after))
      for (let from = 0; from < needed.length; from += MOST_AT_ONCE)
        // oxlint-disable-next-line no-await-in-loop -- one after the other, to keep each short
        await this.#run(STATEMENTS.writeSwept, columnsOf(needed.slice(from, from + MOST_AT_ONCE)))
      // oxlint-disable-next-line no-await-in-loop -- each round is about the rows that have moved meanwhile
      const now = byKey(await this.#run<LeaseColumns>(STATEMENTS.lookAtRows, [[...rows.keys()]]))
      rows = new Map([...now].filter(([, row]) => names(row, member)))
      // oxlint-disable-next-line no-await-in-loop -- the same
      if (rows.size > 0) await this.#pause(attempt)
    }
  }

  async #rowsThatName(id: string): Promise<ReadonlyMap<string, StoredRow>> {
    const values = [id, listOf([Number(id)]), listOf([-Number(id)])]
    return byKey(await this.#run<LeaseColumns>(STATEMENTS.rowsThatName, values))
  }

  /** The gate goes first: a member without one is removed by the next member that sees it. */
  async #remove(id: string): Promise<void> {
    await this.#run(STATEMENTS.removeGate, [id])
    await this.#run(STATEMENTS.removeMember, [id])
  }

  /**
   * All these statements may run twice. A conflict is no reason to leave a member behind, although the runner repeats
   * nothing more for a member that is over.
   */
  async #run<Row extends object>(statement: Prepared, values: OwnValue[]): Promise<Row[]> {
    for (let attempt = 0; ; attempt++) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one attempt after the other
        return await this.#runner.rowsAtLast<Row>(statement, values)
      } catch (error) {
        if (ERRORS.outcomeOf(error) !== 'undone' || attempt === MOST_ATTEMPTS) throw error
      }
      // oxlint-disable-next-line no-await-in-loop -- the same
      await this.#pause(attempt)
    }
  }

  #pause(attempt: number): Promise<void> {
    const { clock, random } = this.#host
    return sleep(clock, backoffDelay(AGAIN, attempt, random))
  }
}

export function byKey(rows: readonly LeaseColumns[]): ReadonlyMap<string, StoredRow> {
  return new Map(rows.map((row) => [row.key, storedRow(row)]))
}

const STATEMENTS = {
  closeGate: { name: 'lockpool_dist_close_gate', text: CLOSE_GATE },
  abandon: { name: 'lockpool_dist_abandon', text: ABANDON },
  removeGate: { name: 'lockpool_dist_remove_gate', text: REMOVE_GATE },
  removeMember: { name: 'lockpool_dist_remove_member', text: REMOVE_MEMBER },
  rowsThatName: { name: 'lockpool_dist_naming', text: ROWS_THAT_NAME },
  lookAtRows: { name: 'lockpool_dist_rows', text: LOOK_AT_ROWS },
  writeSwept: { name: 'lockpool_dist_sweep', text: WRITE_SWEPT_ROWS },
} as const
