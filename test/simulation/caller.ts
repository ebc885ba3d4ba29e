import { sleep } from '../../src/base/clock.js'
import type { LockMode } from '../../src/dialect/lock-key.js'
import { ANSWER_GRACE_MS } from '../../src/lock/handle/lock-waiter.js'
import type { Lock } from '../../src/lock/handle/lock.js'
import type { SeededRandom } from '../../src/testing/seeded-random.js'
import type { Scenario } from './scenario.js'
import type { SimProcess } from './sim-process.js'
import type { Hold, Witness } from './witness.js'

/** The error codes that callers may get. Any other is a bug. */
const KNOWN: ReadonlySet<unknown> = new Set(['LOCK_TIMEOUT', 'LOCK_LOST', 'CONNECTION_FAILED', 'ABORTED'])

/**
 * How long after its deadline a caller may get its answer, by the clock of its process. There are two deadlines, each rounded
 * up to whole milliseconds, and clocks have fractions.
 */
const LATE_MS = ANSWER_GRACE_MS + 2.001

/** The prefix of the names that permits have for the witness. The number of the permit follows. */
export const PERMIT = 'permit '

interface Limits {
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

const signalOf = ({ signal }: Limits): { readonly signal: AbortSignal } => ({ signal })

/** What callers need from the simulated world. */
export interface Surroundings {
  readonly random: SeededRandom
  readonly scenario: Scenario
  readonly witness: Witness
  readonly isWinding: () => boolean
  /** Makes every process check its locks in a moment. */
  readonly lookSoon: () => void
  readonly complain: (what: string) => void
  /** Waits for the time that a message to the guarded resource takes. */
  readonly travel: () => Promise<void>
}

/** A caller that locks, works and releases repeatedly. Its promise never settles if its process dies. */
export class Caller {
  readonly #name: string
  readonly #process: SimProcess
  readonly #around: Surroundings
  refusals = 0

  constructor(name: string, process: SimProcess, around: Surroundings) {
    this.#name = name
    this.#process = process
    this.#around = around
  }

  async live(): Promise<void> {
    const { random, scenario, isWinding, complain } = this.#around
    const { permits = 0 } = scenario
    while (!isWinding()) {
      const isForPermit = permits > 0 && random.chance(0.4)
      const key = `key ${random.below(scenario.keys)}`
      const mode: LockMode = random.chance(scenario.readers) ? 'shared' : 'exclusive'
      try {
        await (isForPermit ? this.#visitSemaphore(permits) : this.#visit(key, mode))
      } catch (error) {
        this.refusals++
        const { code } = error as { code?: string }
        if (!KNOWN.has(code))
          complain(`${this.#process.name}/${this.#name} was told ${(error as Error).stack}`)
        await sleep(this.#process.clock, random.below(50))
      }
    }
  }

  async #visit(key: string, mode: LockMode): Promise<void> {
    const { witness, lookSoon } = this.#around
    const { stops } = this.#process
    const ask = witness.asks(this.#process.name, this.#name, key)
    const lock = await this.#acquire(key, mode)
    if (lock === null) return
    const hold = witness.granted(ask, lock, this.#process.stops === stops)
    this.#process.holds.add(hold)
    lookSoon()
    await this.#work(hold, lock)
    witness.look(hold)
    witness.ended(hold)
    this.#process.holds.delete(hold)
    await lock.release()
  }

  async #visitSemaphore(permits: number): Promise<void> {
    const { random, scenario, witness, lookSoon } = this.#around
    const { clock, pool, holds, name, stops } = this.#process
    const ask = witness.asks(name, this.#name, PERMIT)
    const semaphore = pool.semaphore('permits', permits)
    const permit = await this.#answered((options, isAttempt) =>
      isAttempt ? semaphore.tryAcquire(signalOf(options)) : semaphore.acquire(options),
    )
    if (permit === null) return
    // Each number is a lock for the witness: two callers with the same number are two holders of it.
    const key = `${PERMIT}${permit.number}`
    const seen = {
      mode: 'exclusive',
      token: permit.token,
      get state() {
        return permit.state
      },
    } as const
    const hold = witness.granted({ ...ask, key, before: 0n }, seen, this.#process.stops === stops)
    holds.add(hold)
    lookSoon()
    await sleep(clock, random.below(scenario.holdMs + 1))
    witness.look(hold)
    witness.ended(hold)
    holds.delete(hold)
    await permit.release()
  }

  #acquire(key: string, mode: LockMode): Promise<Lock | null> {
    const { pool } = this.#process
    return this.#answered((options, isAttempt) =>
      isAttempt
        ? pool.tryAcquire(key, { mode, ...signalOf(options) })
        : pool.acquire(key, { mode, ...options }),
    )
  }

  /** Requests with a time limit or tries once, and sometimes aborts. Checks that the answer comes in time. */
  async #answered<T>(ask: (options: Limits, isAttempt: boolean) => Promise<T>): Promise<T> {
    const { random, complain } = this.#around
    const { clock, stops } = this.#process
    const timeoutMs = random.pick([Infinity, 30_000, 40, 5])
    const controller = new AbortController()
    const cancel = random.chance(0.1)
      ? clock.after(random.below(30), () => controller.abort({ code: 'ABORTED' }))
      : (): void => undefined
    const { signal } = controller
    const since = clock.now()
    const isAttempt = random.chance(0.1)
    try {
      return await ask({ timeoutMs, signal }, isAttempt)
    } finally {
      cancel()
      const lateMs = clock.now() - since - timeoutMs
      if (!isAttempt && lateMs > LATE_MS && this.#process.stops === stops)
        complain(`${this.#process.name}/${this.#name} was answered ${lateMs} ms after its time was up`)
    }
  }

  /**
   * Either only waits, or reads, pauses and writes. It does not check the lock before it writes, so only the token can keep a
   * stale write out.
   */
  async #work(hold: Hold, lock: Lock): Promise<void> {
    const { random, scenario, witness, travel } = this.#around
    const { clock } = this.#process
    const think = (): Promise<void> => sleep(clock, random.below(scenario.holdMs + 1))
    if (lock.mode === 'shared' || random.chance(0.4)) return think()
    const { key } = hold
    const value = await this.#process.hears(travel().then(() => witness.claim(key, lock.token)))
    if (value === null) return
    await think()
    await this.#process.hears(travel().then(() => witness.write(key, hold.holder, lock.token, value + 1)))
  }
}
