import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { Journal } from '../chaos/journal.js'
import { sharedNow } from '../chaos/history.js'
import { LockPool, type Lock } from '../src/index.js'
import { CYCLE_KEY, LONG_KEY, WITHIN_MS, type HaOrders } from './orders.js'

/** The events that say what became of sessions. */
const EVENTS = ['session:opened', 'session:moved', 'session:lost', 'primary:changed', 'warning'] as const

/** How often the application checks whether it still holds its locks. */
const LOOK_MS = 5

const CYCLE_HOLD_MS = 20

/** The pause of a caller after a refusal. */
const AGAIN_MS = 200

/** One process of a service: it holds one lock for as long as it can, and acquires another again and again. */
class Worker {
  readonly #orders: HaOrders
  readonly #journal: Journal
  readonly #locks: LockPool
  readonly #held = new Map<string, Lock>()
  readonly #stop = new AbortController()
  #asks = 0

  constructor(orders: HaOrders) {
    this.#orders = orders
    this.#journal = new Journal(orders.journal)
    const { url: connection, leaseMs, isStrict: strict, process: name } = orders
    const namespace = strict ? 'strict' : 'plain'
    this.#locks = new LockPool({
      ...{ connection, max: 3, leaseMs, strict, namespace },
      applicationName: `ha ${name}`,
    })
    this.#locks.on('primary:changed', (event) =>
      process.send?.({ what: 'primary', at: sharedNow(), ...event }),
    )
    this.#locks.on('warning', ({ message }) => process.send?.({ what: 'warning', at: sharedNow(), message }))
    for (const event of EVENTS) this.#locks.on(event, (details) => this.#note(event, details))
    process.on('unhandledRejection', (reason) => this.#unhandled(reason))
    process.on('uncaughtException', (error) => this.#unhandled(error))
  }

  /** For people who look into a finding: the checker does not read this file. */
  #note(event: string, details: object): void {
    const line = inspect(
      { at: Math.round(sharedNow()), event, ...details },
      { breakLength: Infinity, depth: 1 },
    )
    appendFileSync(`${this.#orders.journal}.events`, `${line.replaceAll(/\n\s*at .*/g, '')}\n`)
  }

  async work(): Promise<void> {
    this.#journal.write({ what: 'started', leaseMs: this.#orders.leaseMs })
    const looking = setInterval(() => this.#look(), LOOK_MS)
    await Promise.all([this.#again(LONG_KEY, WITHIN_MS * 10), this.#again(CYCLE_KEY, CYCLE_HOLD_MS)])
    await this.#locks.close({ graceMs: 1000 })
    clearInterval(looking)
    this.#journal.write({ what: 'closed' })
  }

  stop(): void {
    this.#stop.abort({ code: 'ABORTED' })
  }

  async #again(key: string, holdMs: number): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const ask = `${this.#orders.process}/${++this.#asks}`
      this.#journal.write({ what: 'asked', ask, key, mode: 'exclusive', withinMs: WITHIN_MS })
      try {
        const lock = await this.#locks.acquire(key, { timeoutMs: WITHIN_MS, signal: this.#stop.signal })
        this.#journal.write({ what: 'granted', ask, token: String(lock.token) })
        await this.#hold(ask, lock, holdMs)
      } catch (error) {
        this.#refused(ask, error)
        await this.#rest(AGAIN_MS)
      }
    }
  }

  async #hold(ask: string, lock: Lock, holdMs: number): Promise<void> {
    this.#held.set(ask, lock)
    this.#look()
    await this.#rest(holdMs, lock.signal)
    if (lock.state === 'lost') {
      this.#held.delete(ask)
      this.#journal.write({ what: 'lost', ask, reason: (lock.signal.reason as Error).message })
      return
    }
    this.#look()
    this.#held.delete(ask)
    this.#journal.write({ what: 'releasing', ask })
    try {
      await lock.release()
      this.#journal.write({ what: 'released', ask })
    } catch (error) {
      this.#journal.write({ what: 'lost', ask, reason: (error as Error).message })
    }
  }

  #refused(ask: string, error: unknown): void {
    const { code, message } = error as { code?: string; message?: string }
    this.#journal.write({ what: 'refused', ask, code: code ?? String(message) })
    if (code !== 'ABORTED') process.send?.({ what: 'refused', at: sharedNow(), code, message })
  }

  async #rest(ms: number, ...signals: AbortSignal[]): Promise<void> {
    const signal = AbortSignal.any([this.#stop.signal, ...signals])
    await sleep(ms, undefined, { signal }).catch(() => undefined)
  }

  /** The time is from before the check, so it is certain. */
  #look(): void {
    for (const [ask, lock] of this.#held) {
      const at = sharedNow()
      if (lock.state === 'held') this.#journal.write({ what: 'held', ask }, at)
    }
  }

  #unhandled(reason: unknown): void {
    const message = reason instanceof Error ? (reason.stack ?? '') : String(reason)
    this.#journal.write({ what: 'unhandled', message })
  }
}

const worker = new Worker(JSON.parse(process.argv[2] ?? '{}') as HaOrders)
process.on('message', () => worker.stop())
process.on('disconnect', () => worker.stop())
await worker.work()
// The pool must not keep the process alive: it must end by itself now.
if (process.connected) process.disconnect()
