import { setTimeout as sleep } from 'node:timers/promises'
import type { Lock, LockMode } from '../src/index.js'
import { SeededRandom } from '../src/testing/seeded-random.js'
import { sharedNow } from './history.js'
import { Journal } from './journal.js'
import { lockKeyOf } from './lock-keys.js'
import type { Orders } from './orders.js'
import { partsOf, type GuardedRow, type WorkerPool } from './worker-parts.js'

/** How often an application checks whether it still holds its locks. */
const LOOK_MS = 5

const COUNT_MS = 500

/** If the process still runs this long after the order to stop, it records what keeps it alive. */
const STUCK_MS = 15_000

/** `tryAcquire` and `timeoutMs: 0` wait for no lock, but this long for an answer of the server. */
const ATTEMPT_MS = 30_000

/** How often it is the last of the keys: it is held for one lease to three, so that a lease can run out meanwhile. */
const LONG_CHANCE = 0.03

const TIMEOUTS = [20, 300, 2000, 8000, 8000] as const

/** One process of a service: callers that lock, write and release, and that handle failures as applications do. */
class Worker {
  readonly #orders: Orders
  readonly #journal: Journal
  readonly #random: SeededRandom
  readonly #locks: WorkerPool
  readonly #row: GuardedRow
  readonly #held = new Map<string, Lock>()
  #asks = 0
  #isStopping = false
  #step = 'working'

  constructor(orders: Orders, { locks, row }: { locks: WorkerPool; row: GuardedRow }) {
    this.#orders = orders
    this.#journal = new Journal(orders.journal)
    this.#random = new SeededRandom(orders.seed)
    this.#row = row
    this.#locks = locks
    process.on('unhandledRejection', (reason) => this.#unhandled(reason))
    process.on('uncaughtException', (error) => this.#unhandled(error))
  }

  async work(): Promise<void> {
    this.#journal.write({ what: 'started', leaseMs: this.#orders.leaseMs })
    // A strike before there is a session would show nothing.
    await this.#locks.ready().catch(() => undefined)
    process.send?.('ready')
    const looking = setInterval(() => this.#look(), LOOK_MS)
    const counting = setInterval(() => this.#count(), COUNT_MS)
    await Promise.all(Array.from({ length: this.#orders.callers }, () => this.#call()))
    this.#step = 'closing the pool'
    await this.#locks.close({ graceMs: 1000 })
    this.#step = 'closing the row'
    await this.#row.close()
    this.#step = 'leaving'
    clearInterval(looking)
    clearInterval(counting)
    this.#count()
    this.#journal.write({ what: 'closed' })
  }

  stop(): void {
    this.#isStopping = true
    // The timer does not keep the process alive. If it fires, something else does, and this records it.
    setTimeout(() => this.#tellWhatKeeps(), STUCK_MS).unref()
  }

  async #call(): Promise<void> {
    while (!this.#isStopping) {
      const { keys } = this.#orders
      const key = this.#random.chance(LONG_CHANCE) ? keys : 1 + this.#random.below(keys - 1)
      const mode = this.#random.chance(0.25) ? this.#sharedMode : 'exclusive'
      const ask = `${this.#orders.process}/${++this.#asks}`
      const lock = await this.#ask(ask, key, mode)
      if (lock === null) await sleep(this.#random.below(30))
      else await this.#hold(ask, key, lock)
    }
  }

  get #sharedMode(): LockMode {
    return this.#orders.backend === 'named' ? 'exclusive' : 'shared'
  }

  async #ask(ask: string, number: number, mode: LockMode): Promise<Lock | null> {
    const isAttempt = this.#random.chance(0.1)
    const timeoutMs = this.#random.pick(TIMEOUTS)
    const controller = new AbortController()
    const abort = this.#random.chance(0.1)
      ? setTimeout(() => controller.abort({ code: 'ABORTED' }), this.#random.below(200))
      : undefined
    const withinMs = isAttempt ? ATTEMPT_MS : timeoutMs
    const key = lockKeyOf(number)
    this.#journal.write({ what: 'asked', ask, key: String(number), mode, withinMs })
    try {
      const { signal } = controller
      const lock = isAttempt
        ? await this.#locks.tryAcquire(key, { mode, signal })
        : await this.#locks.acquire(key, { mode, timeoutMs, signal })
      if (lock === null) this.#journal.write({ what: 'refused', ask, code: 'NOT_GRANTED' })
      else this.#granted(ask, lock)
      return lock
    } catch (error) {
      this.#journal.write({ what: 'refused', ask, code: codeOf(error) })
      return null
    } finally {
      clearTimeout(abort)
    }
  }

  #granted(ask: string, lock: Lock): void {
    this.#journal.write({ what: 'granted', ask, token: String(lock.token) })
    this.#held.set(ask, lock)
    this.#look()
    lock.signal.addEventListener('abort', () => this.#lost(ask, lock.signal.reason as Error), { once: true })
    if (lock.signal.aborted) this.#lost(ask, lock.signal.reason as Error)
  }

  #lost(ask: string, reason: Error): void {
    this.#journal.write({ what: 'lost', ask, reason: reason.message })
    this.#held.delete(ask)
  }

  async #hold(ask: string, number: number, lock: Lock): Promise<void> {
    const { keys, leaseMs } = this.#orders
    if (number === keys) await this.#pause(leaseMs + this.#random.below(2 * leaseMs))
    else if (lock.mode === 'exclusive' && this.#random.chance(0.6))
      await this.#write(ask, String(number), lock)
    else await this.#rest()
    if (this.#held.has(ask)) this.#lookAt(ask, lock)
    this.#held.delete(ask)
    this.#journal.write({ what: 'releasing', ask })
    try {
      await lock.release()
      this.#journal.write({ what: 'released', ask })
    } catch (error) {
      this.#journal.write({ what: 'lost', ask, reason: codeOf(error) })
    }
  }

  /** A wait of several leases ends early with the round. Otherwise the process would count as stuck. */
  async #pause(ms: number): Promise<void> {
    const end = performance.now() + ms
    for (let left = ms; left > 0 && !this.#isStopping; left = end - performance.now())
      await sleep(Math.min(left, 100)) // oxlint-disable-line no-await-in-loop -- it looks between the parts
  }

  /** Reads, waits and writes like an application that trusts the lock, with the token as the last defense. */
  async #write(ask: string, key: string, lock: Lock): Promise<void> {
    try {
      for (let writes = 1 + this.#random.below(3); writes > 0 && lock.state === 'held'; writes--) {
        const value = await this.#row.claim(key, lock.token)
        if (value === null) return
        await this.#rest()
        await this.#row.write(key, ask, lock.token, value + 1)
      }
    } catch {
      // The resource can be as unreachable as the locks. Its own record shows whether the write happened.
    }
  }

  /** Mostly short, but sometimes long enough that a strike can hit. */
  async #rest(): Promise<void> {
    await sleep(this.#random.chance(0.1) ? this.#random.below(400) : this.#random.below(15))
  }

  #look(): void {
    for (const [ask, lock] of this.#held) this.#lookAt(ask, lock)
  }

  #lookAt(ask: string, lock: Lock): void {
    const at = sharedNow()
    if (lock.state === 'held') this.#journal.write({ what: 'held', ask }, at)
  }

  #count(): void {
    const { counters, keys } = this.#locks.snapshot()
    this.#journal.write({ what: 'counted', handedOff: counters.handedOff, keys })
  }

  #tellWhatKeeps(): void {
    const { state, connections, sessions, held, waiting, keys } = this.#locks.snapshot()
    const what = { step: this.#step, state, connections, sessions, held, waiting, keys }
    const message = `still here: ${JSON.stringify(what)}, ${process.getActiveResourcesInfo().join(' ')}`
    this.#journal.write({ what: 'unhandled', message })
  }

  #unhandled(reason: unknown): void {
    this.#journal.write({
      what: 'unhandled',
      message: reason instanceof Error ? (reason.stack ?? '') : String(reason),
    })
  }
}

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error)
  const { code, name, message } = error as { code?: string; name?: string; message?: string }
  return code ?? `${name}: ${message}`
}

/** Changes the time of day, as an administrator does. The monotonic clock is not changed. */
function stepClock(stepMs: number): void {
  const before = Date.now
  Date.now = () => before() + stepMs
}

const orders = JSON.parse(process.argv[2] ?? '{}') as Orders
const worker = new Worker(orders, await partsOf(orders))
process.on('message', (message) => {
  if (typeof message === 'number') stepClock(message)
  else worker.stop()
})
process.on('disconnect', () => worker.stop())
await worker.work()
// The pool must not keep the process alive: it must end by itself now.
if (process.connected) process.disconnect()
