import { isAbortSignal } from '../base/abort-signal.js'
import { InvalidOptionError, ModeUnsupportedError } from '../base/errors.js'
import { checkIsObject, show } from '../base/options.js'
import type { Capabilities } from '../dialect/capabilities.js'
import type { LockMode } from '../dialect/lock-key.js'
import type { AnyFrame } from './handle/frame.js'
import { currentFrame } from './handle/holding-context.js'
import { LOCK_POOL_OPTIONS, type LockPoolOptions } from './lock-pool-options.js'
import type { LockRequest, WaitPolicy } from './handle/lock-waiter.js'

/** The options of one acquire. */
export interface AcquireOptions {
  /** `'exclusive'`, or `'shared'` with other readers. Default `'exclusive'`. */
  readonly mode?: LockMode
  /**
   * How long it may take in total: queueing, connecting, and waiting for the lock. 0 is one attempt; `Infinity` waits forever.
   *
   * Default the pool's `acquireTimeoutMs`. From 0 to 86400000 (one day), or Infinity.
   */
  readonly timeoutMs?: number
  /** Aborts the wait. The call rejects with `signal.reason`, unchanged, and the lock is certainly not held. */
  readonly signal?: AbortSignal
  /**
   * What the lock is for, for people: shown with its holder and its waiters by `lockpool ls`, `who`, `top` and the dashboard,
   * and in `snapshot()`. Every role that may read the schema `lockpool` can read it.
   *
   * Default none. At most 200 characters.
   */
  readonly label?: string
}

/** The options of a single attempt. */
export type TryAcquireOptions = Omit<AcquireOptions, 'timeoutMs'>

export const ACQUIRE_OPTIONS: ReadonlySet<string> = new Set(['mode', 'timeoutMs', 'signal', 'label'])
export const TRY_ACQUIRE_OPTIONS: ReadonlySet<string> = new Set(['mode', 'signal', 'label'])

const LONGEST_LABEL = 200

/** How long a single attempt may take, connecting included. */
const ATTEMPT_TIMEOUT_MS = 30_000

/** No options at all: the usual case. */
export const NO_OPTIONS: AcquireOptions = {}

type RequestDefaults = Pick<Required<LockPoolOptions>, 'acquireTimeoutMs' | 'whileDown' | 'strict'>

/** Translates the options of callers into requests to the arbiter. */
export class Requests {
  readonly #defaultTimeoutMs: number
  readonly #whileDown: RequestDefaults['whileDown']
  readonly #noSharing: string | null
  readonly #noConversion: string | null
  /** The request without options, outside of all bodies. It does not depend on the call, so it is created once. */
  #usual: LockRequest | null = null

  /** `can`: the capabilities of the database, if some are missing. */
  constructor(options: RequestDefaults, can?: Capabilities) {
    this.#defaultTimeoutMs = options.acquireTimeoutMs
    this.#whileDown = options.whileDown
    this.#noSharing = can?.gaps['shared mode'] ?? null
    this.#noConversion = options.strict
      ? 'a hold record of strict mode has one mode'
      : (can?.gaps.conversion ?? null)
  }

  /** The request of a holder that wants the other mode. @throws {InvalidOptionError} {ModeUnsupportedError} */
  ofConversion(options: AcquireOptions, waitPolicy: WaitPolicy): LockRequest {
    if (this.#noConversion === null) return this.from(options, ACQUIRE_OPTIONS, waitPolicy)
    throw new ModeUnsupportedError(`a lock cannot change its mode here: ${this.#noConversion}`)
  }

  /** @throws {InvalidOptionError} {ModeUnsupportedError} */
  from(options: AcquireOptions, known: ReadonlySet<string>, waitPolicy: WaitPolicy): LockRequest {
    const frame = currentFrame()
    if (options !== NO_OPTIONS || waitPolicy !== 'wait' || frame !== null) {
      checkRequest(options, known)
      if (this.#noSharing !== null && options.mode === 'shared')
        throw new ModeUnsupportedError(`there are no shared locks here: ${this.#noSharing}`)
      return this.#make(options, waitPolicy, frame)
    }
    this.#usual ??= this.#make(options, waitPolicy, null)
    return this.#usual
  }

  #make(options: AcquireOptions, waitPolicy: WaitPolicy, frame: AnyFrame | null): LockRequest {
    const { mode = 'exclusive', signal, timeoutMs = this.#defaultTimeoutMs, label } = options
    const purpose = label === undefined || label === '' ? null : label
    const isStandby = false
    // Written out: spreading one object into another costs more than all the rest of a shared lock (measured).
    if (timeoutMs > 0) {
      const waitsWhileDown = waitPolicy === 'wait' && this.#waitsWhileDown(options)
      return { mode, waitPolicy, timeoutMs, signal, frame, purpose, waitsWhileDown, isStandby }
    }
    // A single attempt takes until the server answers, so its time limit is not 0.
    const single = waitPolicy === 'ask' ? waitPolicy : 'once'
    const waitsWhileDown = false
    return {
      ...{ mode, waitPolicy: single, timeoutMs: ATTEMPT_TIMEOUT_MS, signal, frame, purpose },
      waitsWhileDown,
      isStandby,
    }
  }

  #waitsWhileDown({ timeoutMs }: AcquireOptions): boolean {
    return this.#whileDown === 'auto' ? timeoutMs !== undefined : this.#whileDown === 'wait'
  }
}

/** Runs at every call, so it allocates nothing unless an option is wrong. */
function checkRequest(options: AcquireOptions, known: ReadonlySet<string>): void {
  checkIsObject(options)
  let problems: string[] | null = null
  for (const name in options) {
    if (!known.has(name)) (problems ??= []).push(`unknown option "${name}"`)
  }
  const { mode, timeoutMs, signal, label } = options
  if (mode !== undefined && mode !== 'exclusive' && mode !== 'shared') {
    ;(problems ??= []).push(`"mode" must be "exclusive" or "shared", got ${show(mode)}`)
  }
  if (timeoutMs !== undefined) {
    const problem = LOCK_POOL_OPTIONS.acquireTimeoutMs.problem(timeoutMs)
    if (problem !== null) (problems ??= []).push(`"timeoutMs" ${problem}, got ${show(timeoutMs)}`)
  }
  if (signal !== undefined && !isAbortSignal(signal)) {
    ;(problems ??= []).push(`"signal" must be an AbortSignal, got ${show(signal)}`)
  }
  if (label !== undefined && (typeof label !== 'string' || label.length > LONGEST_LABEL)) {
    const given = typeof label === 'string' ? `${label.length} characters` : show(label)
    ;(problems ??= []).push(`"label" must be a string of at most ${LONGEST_LABEL} characters, got ${given}`)
  }
  if (problems !== null) throw new InvalidOptionError(problems)
}
