import { durationOrInfinity, resolveOptions, type OptionTable } from '../base/options.js'

/** How a pool is closed. */
export interface CloseOptions {
  /**
   * How long holders and borrowers have to release what they have. After that it is lost.
   *
   * Default 5000. From 0 to 86400000 (one day), or Infinity.
   */
  readonly graceMs?: number
}

const CLOSE_OPTIONS: OptionTable<CloseOptions> = {
  graceMs: durationOrInfinity({ default: 5000, min: 0, max: 86_400_000 }),
}

/** @throws {InvalidOptionError} */
export function graceOf(options: CloseOptions): number {
  return resolveOptions(options, CLOSE_OPTIONS).graceMs
}
