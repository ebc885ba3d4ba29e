import { systemClock, type Clock } from '../../../base/clock.js'
import { nextGeneration, OLD_VERSIONS } from './generation-sql.js'
import type { StatementRunner } from './statement-runner.js'

/** How many operations this process sends before it looks again. */
const OPERATIONS_BETWEEN_LOOKS = 1000

/** The statistics of the server lag by a second, so looking more often shows nothing new. */
const BETWEEN_LOOKS_MS = 1000

/**
 * Beyond two for each row, this many old versions are too many. An operation on the only row passes over them in a
 * quarter of a millisecond.
 */
const MOST_OLD_VERSIONS = 2000

/**
 * Without an open snapshot the server removes most old versions during later updates: of 10,000 keys that are locked
 * again and again, one in fifty stays until the next vacuum (measured).
 */
const LEAST_PART_OF_UPDATES = 0.1

/** More rows do not move, because that would take too long. If most are unused, they will soon be removed. */
const MOST_ROWS = 50_000

interface OldVersions {
  readonly old: string
  readonly rows: string
  readonly changes: string
  readonly updates: string
  readonly floor: string
  readonly generation: string
}

/**
 * Moves the rows to a new generation when the server keeps many old versions of them, which slow down every operation.
 * That happens while another session has a snapshot open.
 */
export class Generations {
  readonly #runner: StatementRunner
  readonly #clock: Clock
  #operations = 0
  #lookedAt: number
  #isLooking = false
  /** What was there after rows were last removed or moved: no operation passes over those old versions. */
  #before: OldVersions | null = null

  constructor(runner: StatementRunner, clock: Clock = systemClock) {
    this.#runner = runner
    this.#clock = clock
    this.#lookedAt = clock.now()
  }

  /** The member has sent this many operations. */
  used(operations: number, memberId: number): void {
    this.#operations += operations
    if (this.#operations < OPERATIONS_BETWEEN_LOOKS || this.#isLooking) return
    const now = this.#clock.now()
    if (now - this.#lookedAt < BETWEEN_LOOKS_MS) return
    this.#operations = 0
    this.#lookedAt = now
    this.#isLooking = true
    // If this fails, the next look follows.
    void this.#look(memberId)
      .catch(() => undefined)
      .finally(() => (this.#isLooking = false))
  }

  async #look(memberId: number): Promise<void> {
    const [found] = await this.#runner.rows<OldVersions>(STATEMENTS.old, [])
    if (found === undefined) return
    let before = this.#before
    // Less than before means that a vacuum has removed some.
    if (before === null || before.floor !== found.floor || grown(before, found, 'old') < 0) before = found
    this.#before = before
    // A new row leaves one old version at its release, and a deleted row itself. No operation passes over them.
    const old = grown(before, found, 'old') - grown(before, found, 'changes')
    const rows = Number(found.rows)
    const isMuch =
      old >= MOST_OLD_VERSIONS + 2 * rows && old >= LEAST_PART_OF_UPDATES * grown(before, found, 'updates')
    if (isMuch && rows <= MOST_ROWS) await moveRows(this.#runner, String(memberId), found.generation)
  }
}

function grown(before: OldVersions, now: OldVersions, what: 'old' | 'changes' | 'updates'): number {
  return Number(now[what]) - Number(before[what])
}

/** Moves the rows of a generation to the next one. Does nothing if another member has done it. */
export async function moveRows(runner: StatementRunner, memberId: string, generation: string): Promise<void> {
  await runner.on((connection) => connection.query(nextGeneration(memberId, generation)))
}

const STATEMENTS = {
  old: { name: 'lockpool_old_versions', text: OLD_VERSIONS },
} as const
