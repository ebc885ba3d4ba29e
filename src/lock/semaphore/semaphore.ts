import { InvalidOptionError } from '../../base/errors.js'
import { integer, show } from '../../base/options.js'
import { originOf } from '../../base/overdue.js'
import type { LockKey } from '../../dialect/lock-key.js'
import type { SemaphoreCode } from '../../dialect/permit-operation.js'
import { NO_OPTIONS, type Requests } from '../acquire-options.js'
import type { LeakWatch } from '../handle/leak-watch.js'
import type { WaitPolicy } from '../handle/lock-waiter.js'
import type { HeldPermit, Permit } from './permit.js'
import type { Semaphores } from './semaphores.js'

const PERMITS = integer({ default: 1, min: 1, max: 1000 })

const ACQUIRE_OPTIONS: ReadonlySet<string> = new Set(['timeoutMs', 'signal', 'label'])
const TRY_ACQUIRE_OPTIONS: ReadonlySet<string> = new Set(['signal', 'label'])

/** The options of acquiring a permit. */
export interface PermitOptions {
  /**
   * How long it may take in total. 0 is one attempt; `Infinity` waits forever.
   *
   * Default the pool's `acquireTimeoutMs`. From 0 to 86400000 (one day), or Infinity.
   */
  readonly timeoutMs?: number
  /** Aborts the wait. The call rejects with `signal.reason`, unchanged, and no permit is held. */
  readonly signal?: AbortSignal
  /** What the permit is for, for people, as for a lock. Default none. At most 200 characters. */
  readonly label?: string
}

/** The options of a single attempt. */
export type TryPermitOptions = Omit<PermitOptions, 'timeoutMs'>

/** What a semaphore needs from its pool. */
export interface PermitSource {
  readonly semaphores: Semaphores
  readonly leaks: LeakWatch | null
  readonly requests: Requests
}

/** @throws {InvalidOptionError} */
export function checkPermits(permits: number): void {
  const problem = PERMITS.problem(permits)
  if (problem !== null) throw new InvalidOptionError([`"permits" ${problem}, got ${show(permits)}`])
}

/** Up to `permits` holders at a time, across all processes that use the same key with the same number of permits. */
export class Semaphore {
  /** The key, as it was passed to `semaphore`. */
  readonly key: LockKey
  /** The number of permits, across all processes. */
  readonly permits: number
  readonly #code: SemaphoreCode
  readonly #source: PermitSource

  /** @internal */
  constructor(key: LockKey, code: SemaphoreCode, source: PermitSource) {
    this.key = key
    this.permits = code.permits
    this.#code = code
    this.#source = source
  }

  /**
   * Waits for a permit.
   *
   * @throws {InvalidOptionError} another process uses the semaphore with another number of permits
   * @throws as `acquire` of a lock, but never for a deadlock or re-entry: each call takes another permit
   */
  acquire(options: PermitOptions = NO_OPTIONS): Promise<Permit> {
    return this.#watched(this.#request(options, ACQUIRE_OPTIONS, 'wait'), 'acquire') as Promise<Permit>
  }

  /**
   * One attempt, without waiting: null if no permit is free.
   *
   * @throws as `acquire`, if the attempt cannot be made
   */
  tryAcquire(options: TryPermitOptions = NO_OPTIONS): Promise<Permit | null> {
    return this.#watched(this.#request(options, TRY_ACQUIRE_OPTIONS, 'ask'), 'tryAcquire')
  }

  /**
   * Runs `body` while holding a permit, and releases it when the body ends, also after an error.
   *
   * @throws as `acquire`, before the body runs
   * @throws {LockLostError} the permit was lost meanwhile, even though the body succeeded
   */
  withPermit<T>(body: (permit: Permit) => T | Promise<T>): Promise<T>
  withPermit<T>(options: PermitOptions, body: (permit: Permit) => T | Promise<T>): Promise<T>
  async withPermit<T>(
    optionsOrBody: PermitOptions | ((permit: Permit) => T | Promise<T>),
    maybeBody?: (permit: Permit) => T | Promise<T>,
  ): Promise<T> {
    const [options, body] =
      typeof optionsOrBody === 'function' ? [NO_OPTIONS, optionsOrBody] : [optionsOrBody, maybeBody]
    if (typeof body !== 'function')
      throw new InvalidOptionError([`the body must be a function, got ${show(body)}`])
    const { leaks } = this.#source
    const origin = leaks && originOf<Semaphore>(this, 'withPermit')
    const permit = (await this.#request(options, ACQUIRE_OPTIONS, 'wait')) as HeldPermit
    if (origin !== null) leaks!.watch(permit, origin)
    let result: T
    try {
      // Not a frame: a waiter for a permit waits for any of them, which is no step of a cycle.
      result = await body(permit)
    } catch (error) {
      // The body's own error says more than that of a release that fails because the permit was lost.
      await permit.release().catch(() => undefined)
      throw error
    }
    await permit.release()
    return result
  }

  /** What the caller gets: the permit itself, unless the pool looks for leaks. */
  #watched(
    acquired: Promise<HeldPermit | null>,
    entrance: 'acquire' | 'tryAcquire',
  ): Promise<HeldPermit | null> {
    const { leaks } = this.#source
    if (leaks === null) return acquired
    const origin = originOf<Semaphore>(this, entrance)
    return acquired.then((permit) => {
      if (permit === null) return null
      leaks.watch(permit, origin)
      return leaks.handle(permit)
    })
  }

  #request(
    options: PermitOptions,
    known: ReadonlySet<string>,
    waitPolicy: WaitPolicy,
  ): Promise<HeldPermit | null> {
    try {
      const request = this.#source.requests.from(options, known, waitPolicy)
      if (request.signal?.aborted) return Promise.reject(request.signal.reason)
      return this.#source.semaphores.acquire(this.#code, this.key, request)
    } catch (error) {
      return Promise.reject(error)
    }
  }
}
