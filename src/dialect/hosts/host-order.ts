import type { Host } from './host.js'
import type { Outcome } from './host-race.js'

/**
 * The order in which hosts are tried. The host that was the last primary comes first, unless it did not answer in the
 * last attempt: then it comes last. A frozen server may still call itself the primary when it resumes, until its
 * cluster stops it. By then another host may be the primary.
 */
export class HostOrder {
  readonly #hosts: readonly Host[]
  #lastPrimary: Host | null = null
  #wasSilent = false

  constructor(hosts: readonly Host[]) {
    this.#hosts = hosts
  }

  get hosts(): readonly Host[] {
    const last = this.#lastPrimary
    if (last === null) return this.#hosts
    const others = this.#hosts.filter((host) => host !== last)
    return this.#wasSilent ? [...others, last] : [last, ...others]
  }

  /** A connection to this host was opened. */
  opened(host: Host): void {
    this.#lastPrimary = host
    this.#wasSilent = false
  }

  /** An attempt ended without a connection. */
  failed(outcomes: readonly Outcome[]): void {
    const own = outcomes.filter(({ place }) => place.host === this.#lastPrimary)
    if (own.length > 0) this.#wasSilent = own.every(({ isHeard, error }) => !isHeard && error === null)
  }
}
