import { InvalidOptionError } from './errors.js'
import { quoted } from './printable.js'

/** The rules of one option. Tables of these are the only source of defaults and limits. */
export interface OptionSpec<T> {
  readonly default: T
  /** Null if `value` is valid, otherwise what a valid value is, in words. */
  readonly problem: (value: unknown) => string | null
  readonly min?: number
  readonly max?: number
}

export type OptionTable<O> = { readonly [Name in keyof O]-?: OptionSpec<Exclude<O[Name], undefined>> }

interface Range {
  readonly default: number
  readonly min: number
  readonly max: number
}

export function integer({ default: fallback, min, max }: Range): OptionSpec<number> {
  const fits = (value: unknown): boolean =>
    Number.isInteger(value) && (value as number) >= min && (value as number) <= max
  return {
    default: fallback,
    min,
    max,
    problem: (value) => (fits(value) ? null : `must be an integer from ${min} to ${max}`),
  }
}

/** A duration that may also be `Infinity`: no limit. */
export function durationOrInfinity(range: Range): OptionSpec<number> {
  const finite = integer(range)
  return {
    ...finite,
    problem: (value) =>
      value === Infinity || finite.problem(value) === null
        ? null
        : `must be an integer from ${range.min} to ${range.max}, or Infinity`,
  }
}

export function oneOf<T>(values: readonly T[], fallback: T): OptionSpec<T> {
  return {
    default: fallback,
    problem: (value) =>
      values.includes(value as T)
        ? null
        : `must be ${values.map((each) => JSON.stringify(each)).join(' or ')}`,
  }
}

export function text(fallback: string, maxLength: number): OptionSpec<string> {
  return {
    default: fallback,
    problem: (value) =>
      typeof value === 'string' && value.length <= maxLength && !value.includes('\0')
        ? null
        : `must be a string of at most ${maxLength} characters without NUL`,
  }
}

/**
 * Fills in defaults. Only `undefined` counts as left out; no value is silently corrected. `others` are the names of options
 * that other code checks. Inherited properties and getters count as well.
 *
 * @throws {InvalidOptionError} naming every unknown and every wrong option at once.
 */
export function resolveOptions<O extends object>(
  options: O,
  table: OptionTable<O>,
  others: readonly string[] = [],
): { readonly [Name in keyof O]-?: Exclude<O[Name], undefined> } {
  const problems: string[] = []
  checkIsObject(options)
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(table, name) && !others.includes(name)) problems.push(`unknown option "${name}"`)
  }
  const resolved: Record<string, unknown> = {}
  for (const [name, spec] of Object.entries<OptionSpec<unknown>>(table)) {
    const given = (options as Record<string, unknown>)[name]
    const value = given === undefined ? spec.default : given
    const problem = value === spec.default ? null : spec.problem(value)
    if (problem !== null) problems.push(`"${name}" ${problem}, got ${show(value)}`)
    resolved[name] = value
  }
  if (problems.length > 0) throw new InvalidOptionError(problems)
  return Object.freeze(resolved) as { readonly [Name in keyof O]-?: Exclude<O[Name], undefined> }
}

/** @throws {InvalidOptionError} if `options` is not an object: spreading it would silently give an empty object. */
export function checkIsObject(options: unknown): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new InvalidOptionError([`options must be an object, got ${show(options)}`])
  }
}

/** A value for a message: short, and never a whole object, which could contain a secret. */
export function show(value: unknown): string {
  if (typeof value === 'string') return quoted(value.length > 40 ? `${value.slice(0, 40)}...` : value)
  if (typeof value === 'bigint') return `${value}n`
  if (Array.isArray(value)) return 'an array'
  if (value !== null && typeof value === 'object') return 'an object'
  return typeof value === 'function' ? 'a function' : String(value)
}
