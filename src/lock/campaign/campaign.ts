import { assertMove } from '../../base/assert.js'
import { backoffDelay, type Backoff } from '../../base/backoff.js'
import { sleep } from '../../base/clock.js'
import { Deferred } from '../../base/deferred.js'
import { InvalidOptionError, LockLostError } from '../../base/errors.js'
import { onAbort } from '../../base/on-abort.js'
import { show } from '../../base/options.js'
import { orAbort } from '../../base/or-abort.js'
import type { LeaderInfo } from '../../dialect/leader.js'
import type { LockKey } from '../../dialect/lock-key.js'
import type { ConnectOptions } from '../../pool/connect-request.js'
import { runHolding } from '../handle/holding-context.js'
import { keyInWords, keyText } from '../../dialect/key-words.js'
import type { Lock } from '../handle/lock.js'
import {
  checkDurations,
  DEFAULT_GRACE_MS,
  DEFAULT_PAUSE_MS,
  type CampaignOptions,
  type HandOverOptions,
  type StepDownOptions,
} from './campaign-options.js'
import type { CampaignHost } from './campaign-host.js'
import { CAMPAIGN_MOVES, type CampaignState } from './campaign-state.js'
import { Term } from './term.js'

/** The body that `run` runs in each term. */
export type TermBody = (term: Term) => void | Promise<void>

/** The pause between attempts while the server is unavailable. */
const RETRY: Backoff = { firstMs: 100, factor: 2, capMs: 5000, jitter: 0.5 }

/**
 * A candidate for leadership. A lost term is over, and another election follows. Only `resign`, the signal, and the end of
 * the pool end a campaign: other errors are reported, and the campaign continues.
 */
export class Campaign implements AsyncDisposable {
  /** The key, as it was passed to `campaign`. */
  readonly key: LockKey
  /** The name that `leader()` returns. */
  readonly name: string
  readonly #options: CampaignOptions
  readonly #host: CampaignHost
  readonly #stop = new AbortController()
  /** Resolves when it has ended. */
  readonly #done: Promise<void>
  #state: CampaignState = 'standing'
  #term: { readonly term: Term; readonly over: AbortController } | null = null
  /** The work of the term, which must have stopped before this process leads again. */
  #work: Promise<void>[] = []
  #body: TermBody | null = null
  /** Why the body of `run` ended the campaign. */
  #failure: { readonly error: unknown } | null = null
  #naming: Promise<void> = Promise.resolve()
  #handOver: Deferred<void> | null = null
  #graceMs = DEFAULT_GRACE_MS
  #pauseMs = 0

  /** @internal `options` must have been checked. */
  constructor(key: LockKey, name: string, options: CampaignOptions, host: CampaignHost) {
    this.key = key
    this.name = name
    this.#options = options
    this.#host = host
    const { signal } = options
    if (signal?.aborted) this.#stop.abort(signal.reason)
    const unsubscribe = signal && onAbort(signal, () => this.end(signal.reason, DEFAULT_GRACE_MS))
    this.#done = this.#standAgainAndAgain().finally(() => unsubscribe?.())
  }

  /** Its current state. */
  get state(): CampaignState {
    return this.#state
  }

  /** The current term, or null while this process does not lead. */
  get term(): Term | null {
    const term = this.#term?.term ?? null
    return term === null || term.signal.aborted ? null : term
  }

  /** Resolves when the campaign has ended, for any reason. */
  get ended(): Promise<void> {
    return this.#done
  }

  /**
   * Runs `body` in each term. Resolves when the campaign has ended. If the body ends before its term, that ends the campaign,
   * because its work is done. A body that is still running when its term is lost should stop; the next term starts it again.
   *
   * @throws the error of the body in a current term; the campaign has then ended as well
   */
  async run(body: TermBody): Promise<void> {
    if (typeof body !== 'function')
      throw new InvalidOptionError([`the body must be a function, got ${show(body)}`])
    if (this.#body !== null) throw new InvalidOptionError(['a campaign runs one body, and already has one'])
    this.#body = body
    if (this.#term !== null) this.#start(this.#term.term, body)
    await this.#done
    if (this.#failure !== null) throw this.#failure.error
  }

  /**
   * The leader, in any process, as the server knows it; null if there is none. Its fields are null if they are unknown.
   * Once it has a connection, it ends after five seconds at the latest, and at once when its signal aborts.
   *
   * @throws {ConnectionError} and the other errors of `connections.connect`
   */
  async leader(options: ConnectOptions = {}): Promise<LeaderInfo | null> {
    const { signal } = options
    await (signal === undefined ? this.#naming : orAbort(this.#naming, signal))
    return this.#host.leader(options)
  }

  /**
   * Gives leadership up and becomes a candidate again after a pause, so that others go first. Resolves when the key is
   * released.
   *
   * @throws {InvalidOptionError}
   */
  async stepDown(options: StepDownOptions = {}): Promise<void> {
    checkDurations(options, ['graceMs', 'pauseMs'])
    const { graceMs = DEFAULT_GRACE_MS, pauseMs = DEFAULT_PAUSE_MS } = options
    if (this.#state === 'leading' && !this.#term!.over.signal.aborted) {
      this.#graceMs = graceMs
      this.#pauseMs = pauseMs
      this.#term!.over.abort()
    }
    await this.#handOver?.promise
  }

  /**
   * Gives leadership up and ends the campaign. Resolves when the key is released. The work of a term must not wait for that,
   * because this waits for the work.
   *
   * @throws {InvalidOptionError}
   */
  async resign(options: HandOverOptions = {}): Promise<void> {
    checkDurations(options, ['graceMs'])
    this.end(undefined, options.graceMs ?? DEFAULT_GRACE_MS)
    await this.#done
  }

  /** Like `resign`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.resign()
  }

  /** @internal For the pool: does the same as `resign`, without waiting. `reason` becomes the reason of the term's signal. */
  end(reason: unknown, graceMs: number): void {
    if (this.#stop.signal.aborted) return
    this.#graceMs = graceMs
    this.#stop.abort(reason)
    this.#term?.over.abort(reason)
  }

  /** The whole life of the campaign: each round is one election, or one failed attempt. */
  async #standAgainAndAgain(): Promise<void> {
    const stop = this.#stop.signal
    for (let failures = 0; !stop.aborted;) {
      const lock = await this.#stand(failures)
      // Checked right before the term: the campaign may have been stopped while the lock was on its way.
      if (stop.aborted) await lock?.release().catch(() => undefined)
      else if (lock === null) this.#pauseMs = backoffDelay(RETRY, failures++, this.#host.random)
      else {
        failures = 0
        await this.#lead(lock)
      }
      if (!stop.aborted && this.#pauseMs > 0) {
        this.#move('resting')
        await sleep(this.#host.clock, this.#pauseMs, stop)
      }
      if (!stop.aborted) this.#move('standing')
    }
    this.#move('ended')
  }

  /** Waits for the key. Null if there was no election. */
  async #stand(failures: number): Promise<Lock | null> {
    const stop = this.#stop.signal
    try {
      return await this.#host.acquire(stop)
    } catch (error) {
      if (!stop.aborted && failures === 0) this.#warn('cannot compete for leadership now; retrying', error)
      return null
    }
  }

  async #lead(lock: Lock): Promise<void> {
    const over = new AbortController()
    const term = new Term(lock, over.signal, new Date(this.#host.clock.instant().wall))
    const lost = (): void => over.abort(lock.signal.reason)
    if (lock.signal.aborted) lost()
    const unsubscribe = onAbort(lock.signal, lost)
    this.#pauseMs = 0
    this.#handOver = new Deferred()
    this.#term = { term, over }
    this.#move('leading')
    this.#elected(lock, term)
    await aborted(over.signal)
    this.#move('leaving')
    this.#term = null
    const error = await this.#leave(lock, over.signal)
    unsubscribe()
    const details = { key: keyText(this.key), name: this.name, ledMs: lock.heldMs }
    this.#host.events.emit('leader:left', error === null ? details : { ...details, error })
    if (error !== null) this.#callBack('onDeposed', () => this.#options.onDeposed?.(error, term))
    this.#handOver.resolve()
    await this.#stopped()
  }

  #elected(lock: Lock, term: Term): void {
    const { events } = this.#host
    events.emit('leader:elected', { key: keyText(this.key), name: this.name, token: term.tokenText })
    this.#naming = this.#host.announce(lock, this.name, term.signal)
    // Like bodies that hold the lock: a request for the same key inside is refused, instead of waiting for itself.
    runHolding(lock, () => {
      this.#callBack('onElected', () => this.#options.onElected?.(term))
      if (this.#body !== null) this.#start(term, this.#body)
    })
  }

  /** Releases the key when the work has stopped, or its time is up. Returns how the lock was lost, if it was. */
  async #leave(lock: Lock, term: AbortSignal): Promise<LockLostError | null> {
    if (term.reason instanceof LockLostError && lock.state === 'lost') return term.reason
    const enough = new AbortController()
    const unsubscribe = onAbort(lock.signal, () => enough.abort())
    const work = Promise.all(this.#work).then(() => enough.abort())
    await Promise.race([work, sleep(this.#host.clock, this.#graceMs, enough.signal)])
    enough.abort()
    unsubscribe()
    try {
      await lock.release()
      return null
    } catch (error) {
      return error as LockLostError
    }
  }

  /** Waits until no work of the last term runs any more: two terms must not overlap in one process either. */
  async #stopped(): Promise<void> {
    const stopped = Promise.all(this.#work)
    this.#work = []
    if (this.#stop.signal.aborted) return
    const aborted = new Deferred<void>()
    const unsubscribe = onAbort(this.#stop.signal, () => aborted.resolve())
    await Promise.race([stopped, aborted.promise])
    unsubscribe()
  }

  #start(term: Term, body: TermBody): void {
    const running = async (): Promise<void> => {
      try {
        await body(term)
        if (!term.signal.aborted) this.end(undefined, this.#graceMs)
      } catch (error) {
        if (term.signal.aborted) return this.#afterTerm(term, error)
        this.#failure = { error }
        this.end(error, this.#graceMs)
      }
    }
    this.#work.push(running())
  }

  /** No warning for a body that stops as requested. */
  #afterTerm(term: Term, error: unknown): void {
    const isExpected = error === term.signal.reason || error instanceof LockLostError
    if (!isExpected) this.#warn('the body failed after its term', error)
  }

  /** Errors of callbacks are reported, and change nothing. */
  #callBack(name: string, callback: () => void | Promise<void>): void {
    const running = async (): Promise<void> => {
      try {
        await callback()
      } catch (error) {
        this.#warn(`${name} failed`, error)
      }
    }
    this.#work.push(running())
  }

  #warn(message: string, error: unknown): void {
    const asError = error instanceof Error ? error : new Error(String(error))
    this.#host.warn(`campaign for ${keyInWords(this.key)}: ${message}`, asError)
  }

  /** Only this method writes the state. */
  #move(to: CampaignState): void {
    assertMove(CAMPAIGN_MOVES, this.#state, to, `campaign for ${keyInWords(this.key)}`)
    this.#state = to
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else onAbort(signal, resolve)
  })
}
