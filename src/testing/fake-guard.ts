import { StaleTokenError } from '../base/errors.js'
import type { Guarded } from '../dialect/dialect.js'

/** The greatest token of each resource, in memory. It ignores transactions, so a rollback undoes nothing. */
export class FakeGuard {
  readonly #writers = new Map<string, bigint>()
  readonly #readers = new Map<string, bigint>()

  /** @throws {StaleTokenError} */
  check({ resource, token, mode }: Guarded): void {
    const [writer, reader] = [this.#writers.get(resource) ?? 0n, this.#readers.get(resource) ?? 0n]
    if (token < writer || (mode === 'exclusive' && token < reader)) {
      throw new StaleTokenError(
        `a later holder has been at ${JSON.stringify(resource)}: token ${token} is stale`,
      )
    }
    const seen = mode === 'exclusive' ? this.#writers : this.#readers
    if (token > (seen.get(resource) ?? 0n)) seen.set(resource, token)
  }
}
