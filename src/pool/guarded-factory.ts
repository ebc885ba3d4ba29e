import { ConnectionError, InvalidOptionError } from '../base/errors.js'
import { show } from '../base/options.js'
import type { ConnectionFactory, Progress } from './connection-factory.js'
import { attachLease, type Lease } from './lease.js'

const NEEDED = ['open', 'close'] as const
const OPTIONAL = [
  'progress',
  'destroy',
  'settled',
  'check',
  'clean',
  'onEnd',
  'lease',
  'ref',
  'unref',
] as const

/** What is known of the end of a connection, and who wants to know. */
interface Watch {
  cause: Error | null
  report: ((cause: Error) => void) | null
}

/**
 * The factory as the pool sees it: the only place that calls its code. That code may throw instead of rejecting, return
 * something other than a promise, or a wrong value. Here all of that becomes a rejection, or has no effect. Calls that never
 * end are the caller's concern: each has a deadline there.
 */
export class GuardedFactory<C extends object> {
  readonly #factory: ConnectionFactory<C>
  /** Every connection that is open, from when it arrived until the pool forgets it. */
  readonly #open = new Map<C, Watch>()
  /** Whether the factory has a `check`. */
  readonly checks: boolean

  /** @throws {InvalidOptionError} a method that the pool needs is missing, or an optional one is no function. */
  constructor(factory: ConnectionFactory<C>) {
    const given = (factory ?? {}) as unknown as Record<string, unknown>
    const problems = [
      ...NEEDED.filter((name) => typeof given[name] !== 'function').map((name) => `has no method "${name}"`),
      ...OPTIONAL.filter((name) => !['undefined', 'function'].includes(typeof given[name])).map(
        (name) => `"${name}" is no function, but ${show(given[name])}`,
      ),
    ]
    if (problems.length > 0) throw new InvalidOptionError(problems.map((problem) => `the factory ${problem}`))
    this.#factory = factory
    this.checks = factory.check !== undefined
  }

  async open(signal: AbortSignal): Promise<C> {
    const connection: unknown = await this.#factory.open(signal)
    if (typeof connection !== 'object' || connection === null)
      throw wrong(`"open" answered ${show(connection)}, not a connection`)
    if (this.#open.has(connection as C)) throw wrong(`"open" answered a connection that is open already`)
    this.#open.set(connection as C, { cause: null, report: null })
    try {
      this.#watch(connection as C)
    } catch (error) {
      // Its end could not be observed.
      await this.discard(connection as C)
      throw error
    }
    return connection as C
  }

  /** The result is used only in a message. A wrong value counts as null. */
  progress(signal: AbortSignal): Progress | null {
    try {
      const found: Partial<Progress> | null = this.#factory.progress?.(signal) ?? null
      if (typeof found?.said !== 'string') return null
      const { said, retryAfterMs } = found
      return { said, retryAfterMs: typeof retryAfterMs === 'number' ? retryAfterMs : null }
    } catch {
      return null
    }
  }

  /** Calls the listener once, when the connection ends by itself, or at once if it has ended. */
  onEnd(connection: C, ended: (cause: Error) => void): void {
    const watch = this.#open.get(connection)!
    if (watch.cause === null) watch.report = ended
    else ended(watch.cause)
  }

  async close(connection: C): Promise<void> {
    await this.#factory.close(connection)
  }

  /** Never throws: it is the last resort. */
  destroy(connection: C): void {
    quietly(() => this.#factory.destroy?.(connection))
  }

  /** Resolves when the factory has no more work under way, or does not know. */
  async settled(): Promise<void> {
    try {
      await this.#factory.settled?.()
    } catch {
      // The connections are closed all the same.
    }
  }

  /** Ends a connection without a borrower, one way or another. */
  async discard(connection: C): Promise<void> {
    try {
      await this.close(connection)
    } catch {
      this.destroy(connection)
    } finally {
      this.remove(connection)
    }
  }

  /** The connection is gone: the pool gets no more reports about it, and the factory may open the same object again. */
  remove(connection: C): void {
    this.#open.delete(connection)
  }

  async check(connection: C): Promise<void> {
    if ((await this.#factory.check!(connection)) === false) throw new Error('the check says no')
  }

  /** If the factory returns null, it may report its finding later with `tell`. */
  clean(connection: C, report: (found: readonly string[]) => void): Promise<readonly string[]> | null {
    try {
      const answer = this.#factory.clean?.(connection, report) ?? null
      return answer === null ? null : listOf(answer)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** @throws {ConnectionError} the factory did not return something to borrow. */
  lease(connection: C, lease: Lease): C & Lease {
    let leased: C & Lease
    try {
      if (this.#factory.lease === undefined) return attachLease(connection, lease)
      leased = this.#factory.lease(connection, lease)
    } catch (error) {
      throw wrong(
        `a connection can't be checked out: ${error instanceof Error ? error.message : String(error)}`,
        error,
      )
    }
    if (typeof leased?.release === 'function') return leased
    quietly(() => leased)
    throw wrong(`"lease" answered ${show(leased)}, not something to release`)
  }

  /** Whether an idle connection keeps the process from ending. */
  setKeepsProcess(connection: C, isKept: boolean): void {
    quietly(() => (isKept ? this.#factory.ref?.(connection) : this.#factory.unref?.(connection)))
  }

  #watch(connection: C): void {
    const ended = (cause: unknown): void => {
      const watch = this.#open.get(connection)
      if (watch === undefined || watch.cause !== null) return
      watch.cause = cause instanceof Error ? cause : new ConnectionError('the connection has ended')
      watch.report?.(watch.cause)
    }
    const answer: unknown = this.#factory.onEnd?.(connection, ended)
    if (isThenable(answer)) answer.then(undefined, ended)
  }
}

function wrong(what: string, cause?: unknown): ConnectionError {
  return new ConnectionError(`the factory: ${what}`, {
    retryable: false,
    ...(cause === undefined ? {} : { cause }),
  })
}

/** Ignores the outcome of `work`, also a later rejection. */
function quietly(work: () => unknown): void {
  try {
    const answer = work()
    if (isThenable(answer)) answer.then(undefined, () => undefined)
  } catch {
    // Ignored, as said above.
  }
}

function isThenable(answer: unknown): answer is PromiseLike<unknown> {
  return typeof (answer as { then?: unknown } | null | undefined)?.then === 'function'
}

/** Any answer other than a list means that there is nothing to report. */
async function listOf(answer: unknown): Promise<readonly string[]> {
  const found: unknown = await answer
  return Array.isArray(found) ? found : []
}
