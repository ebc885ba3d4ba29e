import type { Arbiter } from './contention/arbiter.js'
import type { Keys } from './key/keys.js'
import type { Wanted } from './key/key-book.js'
import type { Lock } from './handle/lock.js'
import { LockGroup } from './handle/lock-group.js'
import type { LockRequest, Patience } from './handle/lock-waiter.js'

/**
 * All of them, or none.
 *
 * They are tried together, which is one batch if they are free. If one is not, it is waited for while holding only those
 * that come before it in an order that is the same for everybody; the others are given back and tried again. Whoever waits
 * holds nothing greater than what it waits for, so no circle of such waits can close. Each wait makes the part that is held
 * from the front longer, so there are at most as many waits as keys.
 */
export async function acquireAll(
  { arbiter, keys }: { readonly arbiter: Arbiter; readonly keys: Keys },
  wanted: readonly Wanted[],
  request: LockRequest,
): Promise<LockGroup> {
  const distinct = [...new Map(wanted.map((each) => [each.code.id, each])).values()]
  const { refusal } = arbiter
  if (refusal !== null) throw refusal
  const until = arbiter.clock.now() + request.timeoutMs
  const attempt = new Attempt(keys, distinct, request, until)
  arbiter.groupCame()
  try {
    let refused = await attempt.tryRest(request.patience === 'once' ? 'once' : 'ask')
    while (refused !== null) {
      await attempt.waitFor(refused)
      refused = await attempt.tryRest('ask')
    }
    return new LockGroup(
      request.mode,
      distinct.map(({ code }) => attempt.held.get(code.id)!),
    )
  } catch (error) {
    await attempt.giveBack(() => true)
    throw error
  } finally {
    arbiter.groupLeft()
  }
}

/** What one call of `acquireAll` has so far. */
class Attempt {
  readonly held: Map<string, Lock> = new Map()
  readonly #keys: Keys
  readonly #inOrder: readonly Wanted[]
  readonly #request: LockRequest
  readonly #until: number

  constructor(keys: Keys, distinct: readonly Wanted[], request: LockRequest, until: number) {
    this.#keys = keys
    this.#inOrder = distinct.toSorted((a, b) => (a.code.id < b.code.id ? -1 : 1))
    this.#request = request
    this.#until = until
  }

  /** Tries what is missing, all at once. Answers the first, in order, that is not free; null if nothing is missing. */
  async tryRest(patience: Patience): Promise<Wanted | null> {
    // While others were waited for, one may have been lost.
    for (const [id, lock] of this.held) if (lock.state !== 'held') this.held.delete(id)
    const all = this.#inOrder.filter(({ code }) => !this.held.has(code.id))
    // Behind one that others of this process hold or wait for nothing need be tried: it would only be given back.
    const busy = all.findIndex(({ code }) => this.#keys.isBusy(code, this.#request.mode))
    const missing = busy < 0 || patience === 'once' ? all : all.slice(0, busy)
    const request = this.#requestNow(patience)
    const outcomes = await Promise.allSettled(missing.map((each) => this.#acquire(each, request)))
    let failure: PromiseRejectedResult | null = null
    let refused: Wanted | null = null
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome.status === 'rejected') failure ??= outcome
      else if (outcome.value === null) refused ??= missing[i]!
      else this.held.set(missing[i]!.code.id, outcome.value)
    }
    if (failure !== null) throw failure.reason
    return refused ?? all[missing.length] ?? null
  }

  /** Holding only what comes before it. */
  async waitFor(refused: Wanted): Promise<void> {
    await this.giveBack((id) => id > refused.code.id)
    const lock = await this.#acquire(refused, this.#requestNow('wait'))
    this.held.set(refused.code.id, lock!)
  }

  /** One that was lost meanwhile is gone as well. */
  async giveBack(isMeant: (id: string) => boolean): Promise<void> {
    const meant = [...this.held].filter(([id]) => isMeant(id))
    for (const [id] of meant) this.held.delete(id)
    await Promise.allSettled(meant.map(([, lock]) => lock.release()))
  }

  #acquire({ code, label }: Wanted, request: LockRequest): Promise<Lock | null> {
    const { signal } = request
    if (signal?.aborted) return Promise.reject(signal.reason)
    return this.#keys.acquire(code, label, request, true)
  }

  /** With what is left of the time. */
  #requestNow(patience: Patience): LockRequest {
    const timeoutMs = Math.max(this.#until - this.#keys.clock.now(), 0)
    return { ...this.#request, patience, timeoutMs }
  }
}
