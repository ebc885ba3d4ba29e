import { sleep } from '../../src/base/clock.js'
import type { FakeLockPool } from '../../src/fake-lock-pool.js'
import type { AcquireOptions } from '../../src/lock/acquire-options.js'
import type { ManualClock } from '../../src/testing/manual-clock.js'
import type { SeenLock, Witness } from './witness.js'

/** The error codes that a failed call may have. */
const KNOWN: ReadonlySet<unknown> = new Set(['LOCK_TIMEOUT', 'LOCK_LOST', 'CONNECTION_FAILED', 'ABORTED'])

const KEYS = ['x', 'y', 'z', 'readers', 'leader'] as const

/** Two processes that use every kind of lock once. Every run makes the same calls. */
export class Script {
  readonly #clock: ManualClock
  readonly #a: FakeLockPool
  readonly #b: FakeLockPool
  readonly #witness: Witness
  readonly #complain: (what: string) => void

  constructor(
    clock: ManualClock,
    pools: readonly [FakeLockPool, FakeLockPool],
    witness: Witness,
    complain: (what: string) => void,
  ) {
    this.#clock = clock
    ;[this.#a, this.#b] = pools
    this.#witness = witness
    this.#complain = complain
  }

  async play(): Promise<void> {
    await this.#known(this.#a.ready())
    await Promise.all([
      this.#contend(),
      this.#read(),
      this.#takeSeveral(),
      this.#count(),
      this.#lead(),
      this.#borrow(),
    ])
  }

  /** Acquires every key and every permit once more, to check that nothing is still held. */
  async again(): Promise<void> {
    for (const pool of [this.#a, this.#b]) {
      for (const key of KEYS) await (await pool.acquire(key)).release()
      const permits = [pool.semaphore('permits', 2).acquire(), pool.semaphore('permits', 2).acquire()]
      for (const permit of await Promise.all(permits)) await permit.release()
    }
  }

  async #contend(): Promise<void> {
    const abort = new AbortController()
    this.#clock.after(25, () => abort.abort({ code: 'ABORTED' }))
    await Promise.all([
      this.#hold(this.#a, 'x', {}, 30),
      this.#hold(this.#b, 'x', {}, 10),
      this.#hold(this.#b, 'x', { timeoutMs: 15 }, 10),
      this.#hold(this.#a, 'x', {}, 10),
      this.#hold(this.#b, 'x', { signal: abort.signal }, 10),
      this.#known(this.#b.tryAcquire('x')).then((lock) => lock && this.#known(lock.release())),
    ])
  }

  async #read(): Promise<void> {
    const mode = 'shared'
    await Promise.all([
      this.#hold(this.#a, 'readers', { mode }, 20),
      this.#hold(this.#a, 'readers', { mode }, 5),
      this.#hold(this.#b, 'readers', { mode }, 20),
    ])
    await Promise.all([
      this.#hold(this.#a, 'readers', { mode }, 20),
      this.#hold(this.#b, 'readers', {}, 5),
      this.#hold(this.#a, 'readers', { mode }, 5),
    ])
  }

  async #takeSeveral(): Promise<void> {
    const both = async (pool: FakeLockPool): Promise<void> => {
      const group = await this.#known(pool.acquireAll(['y', 'z']))
      if (group === null) return
      await sleep(this.#clock, 10)
      await this.#known(group.release())
    }
    await Promise.all([this.#hold(this.#b, 'z', {}, 20), both(this.#a), both(this.#b)])
  }

  /** Two permits, four callers. */
  async #count(): Promise<void> {
    let held = 0
    const use = async (pool: FakeLockPool): Promise<void> => {
      const permit = await this.#known(pool.semaphore('permits', 2).acquire())
      if (permit === null) return
      if (permit.state === 'held') held++
      if (held > 2) this.#complain(`${held} have one of two permits`)
      permit.signal.addEventListener('abort', () => held--, { once: true })
      await sleep(this.#clock, 15)
      if (permit.state === 'held') held--
      await this.#known(permit.release())
    }
    await Promise.all([use(this.#a), use(this.#b), use(this.#a), use(this.#b)])
  }

  async #lead(): Promise<void> {
    const campaigns = [this.#a, this.#b].map((pool) => pool.campaign('leader'))
    await sleep(this.#clock, 60)
    for (const campaign of campaigns) await campaign.resign()
  }

  async #borrow(): Promise<void> {
    // A borrower gets the errors of its statements unchanged, so this one sends none.
    await this.#known(this.#a.connections.use(() => sleep(this.#clock, 5)))
  }

  async #hold(pool: FakeLockPool, key: string, options: AcquireOptions, ms: number): Promise<void> {
    const ask = this.#witness.asks(pool === this.#a ? 'a' : 'b', 'caller', key)
    const lock = await this.#known(pool.acquire(key, options))
    if (lock === null) return
    const hold = this.#witness.granted(ask, lock satisfies SeenLock, true)
    await sleep(this.#clock, ms)
    this.#witness.look(hold)
    this.#witness.ended(hold)
    await this.#known(lock.release())
  }

  /** Returns null if the call failed with a documented error code. Complains about any other error. */
  async #known<T>(promise: Promise<T>): Promise<T | null> {
    try {
      return await promise
    } catch (error) {
      const { code } = error as { code?: string }
      if (!KNOWN.has(code)) this.#complain(`a caller was told ${(error as Error).stack}`)
      return null
    }
  }
}
