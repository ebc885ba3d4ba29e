import { isAbortSignal } from '../../base/abort-signal.js'
import { InvalidOptionError } from '../../base/errors.js'
import { checkIsObject, integer, show, text } from '../../base/options.js'
import type { LockLostError } from '../../base/errors.js'
import type { Term } from './term.js'

/** The options of a campaign. */
export interface CampaignOptions {
  /**
   * The name of this candidate, returned by `leader()`.
   *
   * Default: the process, its machine and `applicationName`. At most 200 characters.
   */
  readonly name?: string
  /** Ends the campaign, as `resign()` does. */
  readonly signal?: AbortSignal
  /**
   * Called at each election. Its promise is awaited, up to a grace period, before leadership is handed over, and before this
   * process is a candidate again. If it throws, the pool emits a `warning`, and the term continues. If a failure should end
   * the term, use `run`.
   */
  readonly onElected?: (term: Term) => void | Promise<void>
  /** Called when a term was lost, not when it was given up. If it throws, the pool emits a `warning`. */
  readonly onDeposed?: (error: LockLostError, term: Term) => void | Promise<void>
}

/** The options of giving leadership up. */
export interface HandOverOptions {
  /**
   * How long the work of the term may take to stop before the key is released anyway.
   *
   * Default 5000. From 0 to 86400000 (one day).
   */
  readonly graceMs?: number
}

/** The options of giving leadership up for a while. */
export interface StepDownOptions extends HandOverOptions {
  /**
   * How long to wait before becoming a candidate again.
   *
   * Default 1000. From 0 to 86400000 (one day).
   */
  readonly pauseMs?: number
}

export const DEFAULT_GRACE_MS = 5000
export const DEFAULT_PAUSE_MS = 1000

const NAMES = text('', 200)
const DURATIONS = integer({ default: DEFAULT_GRACE_MS, min: 0, max: 86_400_000 })
const CAMPAIGN_OPTIONS = new Set(['name', 'signal', 'onElected', 'onDeposed'])

/** @throws {InvalidOptionError} */
export function checkCampaignOptions(options: CampaignOptions): void {
  checkIsObject(options)
  const { name, signal, onElected, onDeposed } = options
  const problems = Object.keys(options)
    .filter((option) => !CAMPAIGN_OPTIONS.has(option))
    .map((option) => `unknown option "${option}"`)
  const nameProblem = name === undefined ? null : name === '' ? 'must not be empty' : NAMES.problem(name)
  if (nameProblem !== null) problems.push(`"name" ${nameProblem}, got ${show(name)}`)
  if (signal !== undefined && !isAbortSignal(signal))
    problems.push(`"signal" must be an AbortSignal, got ${show(signal)}`)
  for (const [option, value] of Object.entries({ onElected, onDeposed })) {
    if (value !== undefined && typeof value !== 'function')
      problems.push(`"${option}" must be a function, got ${show(value)}`)
  }
  if (problems.length > 0) throw new InvalidOptionError(problems)
}

/** @throws {InvalidOptionError} */
export function checkDurations(options: StepDownOptions, known: readonly string[]): void {
  checkIsObject(options)
  const problems = Object.entries<unknown>({ ...options }).flatMap(([option, value]) => {
    if (!known.includes(option)) return [`unknown option "${option}"`]
    const problem = value === undefined ? null : DURATIONS.problem(value)
    return problem === null ? [] : [`"${option}" ${problem}, got ${show(value)}`]
  })
  if (problems.length > 0) throw new InvalidOptionError(problems)
}
