import { durationOrInfinity, resolveOptions, type OptionTable } from '../base/options.js'

export interface CloseOptions {
  /** Milliseconds that holders and borrowers have to give back. Default 5000. */
  readonly graceMs?: number
}

const CLOSE_OPTIONS: OptionTable<CloseOptions> = {
  graceMs: durationOrInfinity({ default: 5000, min: 0, max: 86_400_000 }),
}

/** @throws {InvalidOptionError} */
export function graceOf(options: CloseOptions): number {
  return resolveOptions(options, CLOSE_OPTIONS).graceMs
}
