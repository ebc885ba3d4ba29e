import { systemClock, type Clock } from '../../../base/clock.js'
import { within } from '../timeline/timeline-sql.js'
import { nextGeneration, OLD_VERSIONS } from './generation-sql.js'
import type { StatementRunner } from './statement-runner.js'

/** How many operations this process sends before it looks again. */
const OPERATIONS_BETWEEN_LOOKS = 1000

/** The statistics of the server lag by a second, so looking more often shows nothing new. */
const BETWEEN_LOOKS_MS = 1000

/**
 * So many old versions are too many, more than two for each row. An operation on the only row passes over them in a
 * quarter of a millisecond.
 */
const MOST_OLD_VERSIONS = 2000

/** The batches of all members wait while rows move, so this waits no longer for one of them. */
const MOVE_LIMIT_MS = 200

interface OldVersions {
  readonly old: string
  readonly rows: string
  readonly floor: string
  readonly generation: string
}

/**
 * Moves the rows to a new generation when the server keeps so many old versions of them that it slows down every
 * operation, because somebody has had a snapshot open for some time.
 */
export class Generations {
  readonly #runner: StatementRunner
  readonly #clock: Clock
  #operations = 0
  #lookedAt: number
  #isLooking = false
  /** Old versions that were there after rows were last removed or moved: no operation passes over those. */
  #before: { readonly floor: string; readonly old: number } | null = null

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
    const old = Number(found.old)
    if (this.#before?.floor !== found.floor) this.#before = { floor: found.floor, old }
    // A vacuum has removed some.
    if (old < this.#before.old) this.#before = { floor: found.floor, old }
    const isMuch = old - this.#before.old >= MOST_OLD_VERSIONS + 2 * Number(found.rows)
    if (isMuch) await moveRows(this.#runner, String(memberId), found.generation)
  }
}

/** Moves the rows of a generation to the next one. Does nothing if another member has done it. */
export async function moveRows(runner: StatementRunner, memberId: string, generation: string): Promise<void> {
  const message = [
    'SET TRANSACTION ISOLATION LEVEL READ COMMITTED',
    within(MOVE_LIMIT_MS, ...nextGeneration(memberId, generation)),
  ].join(';')
  await runner.on((connection) => connection.query(message))
}

const STATEMENTS = {
  old: { name: 'lockpool_old_versions', text: OLD_VERSIONS },
} as const
