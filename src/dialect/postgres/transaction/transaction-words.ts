import { InvalidOptionError } from '../../../base/errors.js'
import { checkIsObject, show } from '../../../base/options.js'
import { printable } from '../../../base/printable.js'

export interface HolderRow {
  readonly pid: number
  readonly application_name: string | null
  readonly client_addr: string | null
}

/** Returns null if there is no holder any more, or if this role may not see it. */
export function holdersInWords(rows: readonly HolderRow[]): string | null {
  if (rows.length === 0) return null
  return rows.map(holderInWords).join(' and ')
}

/** The address is null for a client on the server's Unix socket. */
export function holderInWords({
  pid,
  application_name: application,
  client_addr: address,
}: HolderRow): string {
  const name = application === null || application === '' ? 'a session' : printable(application)
  return `${name} (pid ${pid}${address === null ? '' : `, client ${address}`})`
}

/** One day, as for all waits. */
const LONGEST_MS = 86_400_000

/**
 * Converts a timeout to a value of lock_timeout, where 0 means no limit.
 *
 * @throws {InvalidOptionError}
 */
export function timeoutSetting(timeoutMs: number): number {
  if (timeoutMs === Infinity) return 0
  const isRight = Number.isInteger(timeoutMs) && timeoutMs >= 0 && timeoutMs <= LONGEST_MS
  if (isRight) return timeoutMs
  throw new InvalidOptionError([
    `"timeoutMs" must be an integer from 0 to ${LONGEST_MS}, or Infinity, got ${show(timeoutMs)}`,
  ])
}

/** @throws {InvalidOptionError} */
export function checkChoice<Choice extends string>(
  name: string,
  value: Choice | undefined,
  choices: Readonly<Record<Choice, unknown>>,
  fallback?: Choice,
): Choice {
  const chosen = value ?? fallback
  if (typeof chosen === 'string' && Object.hasOwn(choices, chosen)) return chosen
  const words = Object.keys(choices)
    .map((each) => JSON.stringify(each))
    .join(', ')
  throw new InvalidOptionError([`"${name}" must be one of ${words}, got ${show(value)}`])
}

/**
 * Refuses unknown options instead of ignoring them, because the caller may rely on them.
 *
 * @throws {InvalidOptionError}
 */
export function checkNames(options: object, ...known: readonly string[]): void {
  checkIsObject(options)
  const unknown = Object.keys(options).filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new InvalidOptionError(unknown.map((name) => `unknown option "${name}"`))
}
