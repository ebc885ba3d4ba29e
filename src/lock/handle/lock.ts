import { assertMove } from '../../base/assert.js'
import { Deferred } from '../../base/deferred.js'
import { FencingUnavailableError, LockLostError, StaleTokenError } from '../../base/errors.js'
import type { LockKey, LockMode } from '../../dialect/lock-key.js'
import type { Guardable, Queryable } from '../../dialect/queryable.js'
import type { DrawnToken } from './drawn-token.js'
import type { Frame } from './frame.js'
import { keyInWords } from '../../dialect/key-words.js'

/**
 * `releasing`: the caller has released it, but the server has not confirmed it yet. The public state is `released`
 * already.
 */
type HandleState = 'held' | 'releasing' | 'released' | 'lost'

const HANDLE_MOVES: Readonly<Record<HandleState, readonly HandleState[]>> = {
  held: ['releasing', 'lost'],
  releasing: ['released', 'lost'],
  released: [],
  lost: [],
}

/** The host of a lock: the entry of its key. */
export interface LockHost {
  readonly label: LockKey
  readonly mode: LockMode
  readonly noFencing: string | null
  now(): number
  /** Declares the lock lost if its lease is over, however late this is called. */
  verify(): void
  /** Without a name for the resource, the name of the key is used. */
  guard(transaction: Queryable, resource: string | undefined, token: bigint, mode: LockMode): Promise<void>
  /** True if the release is complete; otherwise the host calls `confirmReleased` or `lose` later. */
  release(lock: Lock): boolean
}

/** A lock or a permit, as `JSON.stringify` writes it. */
export interface LockInJson {
  readonly key: Exclude<LockKey, bigint>
  readonly mode: LockMode
  readonly state: 'held' | 'released' | 'lost'
  readonly token: string | null
  readonly label: string | null
}

const DONE = Promise.resolve()

/** The signals of locks that another program asks for, or whose holder listens for that. Few locks have one. */
const requests = new WeakMap<Lock, AbortController>()

function requestsFor(lock: Lock): AbortController {
  let controller = requests.get(lock)
  if (controller === undefined) requests.set(lock, (controller = new AbortController()))
  return controller
}

/** How a lock was lost, and the signal that aborts then. */
class Loss {
  readonly error: LockLostError
  readonly #controller: AbortController | null

  constructor(error: LockLostError, controller: AbortController | null) {
    this.error = error
    this.#controller = controller
  }

  /** A holder that looks at the signal before it aborts finds it aborted already. */
  get signal(): AbortSignal {
    this.announce()
    return this.#controller?.signal ?? AbortSignal.abort(this.error)
  }

  announce(): void {
    this.#controller?.abort(this.error)
  }
}

/** A held lock, until it is released or lost. */
export class Lock implements AsyncDisposable {
  /** The key, as it was passed to `acquire`. */
  readonly key: LockKey
  /** `exclusive`, or `shared` with other readers. */
  readonly mode: LockMode
  readonly #host: LockHost
  readonly #token: DrawnToken | null
  readonly #tokenOffset: number
  readonly #since: number
  #state: HandleState = 'held'
  /** The promise of the release, while it is under way. */
  #confirmation: Deferred<void> | null = null
  /** The signal, created at its first use: it would be half of the memory of a held lock. Or how the lock was lost. */
  #fate: AbortController | Loss | null = null

  /** @internal The body that runs while it is held, in `withLock`. */
  frame: Frame | null = null

  /** The `label` of its `AcquireOptions`; null without. */
  label: string | null = null

  /** @internal For the host: its index of this lock. */
  place = 0

  /** @internal */
  constructor(host: LockHost, token: DrawnToken | null, tokenOffset: number, now: number) {
    this.key = host.label
    this.mode = host.mode
    this.#host = host
    this.#token = token
    this.#tokenOffset = tokenOffset
    this.#since = now
  }

  /**
   * The fencing token: greater than every token granted before it for this key, by any process. Store it with what you
   * write, and refuse writes with a smaller one.
   *
   * @throws {FencingUnavailableError} if the pool has no tokens: `fencing` is off, or the role may not use the sequence.
   */
  get token(): bigint {
    const { noFencing } = this.#host
    if (this.#token === null) throw new FencingUnavailableError(noFencing ?? 'the server gave no token')
    return this.#token.after(this.#tokenOffset)
  }

  /** The lock, in words. */
  toString(): string {
    return keyInWords(this.key)
  }

  /**
   * What a log line needs. `state` is what is known without a look at the clock. A bigint key is a
   * string, because JSON cannot hold a bigint.
   */
  toJSON(): LockInJson {
    const state = this.#state === 'releasing' ? 'released' : this.#state
    const key = typeof this.key === 'bigint' ? String(this.key) : this.key
    return { key, mode: this.mode, state, token: this.tokenText, label: this.label }
  }

  /** The value of `token` for JSON; null if there is none. */
  get tokenText(): string | null {
    return this.#token === null ? null : String(this.token)
  }

  /** Checks the clock: a lock whose lease ran out while the process was suspended is lost at the first access. */
  get state(): 'held' | 'released' | 'lost' {
    if (this.#state === 'held') this.#host.verify()
    return this.#state === 'releasing' ? 'released' : this.#state
  }

  /** Like `state`, without a look at the clock. */
  get isHeld(): boolean {
    return this.#state === 'held'
  }

  /** Aborts once, with a LockLostError as its reason, if the lock is lost. Never after a release. */
  get signal(): AbortSignal {
    if (this.#state === 'held') this.#host.verify()
    if (this.#fate instanceof Loss) return this.#fate.signal
    this.#fate ??= new AbortController()
    return this.#fate.signal
  }

  /**
   * Aborts once if another program asks for the lock: `lockpool break KEY --ask`. The lock stays held. A holder that can
   * stop early does so and releases it; others may ignore the request.
   */
  get requested(): AbortSignal {
    return requestsFor(this).signal
  }

  /** Milliseconds since it was granted. */
  get heldMs(): number {
    return this.#host.now() - this.#since
  }

  /** @internal Like `heldMs`, for a caller that has just read the clock. */
  heldMsAt(now: number): number {
    return now - this.#since
  }

  /**
   * Refuses late writes: call it in the transaction that writes, before it writes. It keeps the greatest token per `resource`
   * (by default one per key) in the table `lockpool.guard` of that database. If a later holder has written, this one is
   * refused. A later holder that comes now waits until this transaction has ended. Readers yield to writers, not to each
   * other.
   *
   * @throws {StaleTokenError} a later holder has written, or the lock was released
   * @throws {LockLostError} the lock is lost
   * @throws {FencingUnavailableError} there are no tokens, or there is no table: `lockpool install` creates it
   * @throws {InvalidOptionError} a pool, or no client at all
   * @throws {TransactionFailedError} no transaction is open, as far as the client knows: later writes are not protected
   * @throws errors of the transaction itself, unchanged
   */
  async guard(transaction: Guardable, resource?: string): Promise<void> {
    const { state } = this
    if (state === 'lost') throw this.loss!
    if (state === 'released') throw new StaleTokenError(`${this.toString()} has been released`)
    await this.#host.guard(transaction as Queryable, resource, this.token, this.mode)
  }

  /**
   * Releases the lock. Resolves when the server has confirmed it, or the next caller in this process has the lock. Another
   * call returns the same promise.
   *
   * @throws {LockLostError} if the lock was lost before it was released, or the outcome is unknown.
   */
  release(): Promise<void> {
    if (this.#state === 'held') {
      this.#move('releasing')
      const isAll = this.#host.release(this)
      // The release may have found the lease over.
      if (!isAll && this.loss === null) this.#confirmation = new Deferred()
    }
    if (this.loss !== null) return this.#confirmation?.promise ?? Promise.reject(this.loss)
    return this.#confirmation === null ? DONE : this.#confirmation.promise
  }

  /** Like `release`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }

  /** @internal Another program asks for it. */
  request(reason: string | null): void {
    if (this.#state !== 'held') return
    requestsFor(this).abort(
      new Error(`${this.toString()} is requested${reason === null ? '' : `: ${reason}`}`),
    )
  }

  /** @internal For the host: the release is confirmed. */
  confirmReleased(): void {
    this.#move('released')
    this.#confirmation?.resolve()
  }

  /** @internal For the host: the lock is lost. Returns how; `announceLoss` must follow. */
  lose(reason: string, cause?: Error): LockLostError {
    this.#move('lost')
    const details = { key: this.toString(), heldMs: this.heldMs, reason }
    const loss = new LockLostError(details, cause === undefined ? undefined : { cause })
    this.#fate = new Loss(loss, this.#fate as AbortController | null)
    this.#confirmation?.reject(loss)
    return loss
  }

  /** @internal Aborts the signal. */
  announceLoss(): void {
    ;(this.#fate as Loss).announce()
  }

  /** @internal How it was lost; null if it was not. */
  get loss(): LockLostError | null {
    return this.#fate instanceof Loss ? this.#fate.error : null
  }

  #move(to: HandleState): void {
    assertMove(HANDLE_MOVES, this.#state, to, this)
    this.#state = to
  }
}
