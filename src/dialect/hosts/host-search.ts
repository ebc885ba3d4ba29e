import type { HostList } from './host-list.js'
import { SOON_MS } from './host.js'
import { hostFailure, inWords, isInChange, type HostWords } from './host-failure.js'
import { HostOrder } from './host-order.js'
import { HostRace, type Found, type RacePorts } from './host-race.js'

/** Opens connections to the suitable server of a list, wherever it currently is. */
export class HostSearch<C> {
  readonly #list: HostList
  readonly #ports: RacePorts<C>
  readonly #words: HostWords
  readonly #order: HostOrder
  readonly #races = new WeakMap<AbortSignal, HostRace<C>>()

  constructor(list: HostList, ports: Omit<RacePorts<C>, 'isPassing'>, words: HostWords) {
    this.#list = list
    this.#words = words
    this.#ports = { ...ports, isPassing: (error) => isInChange({ role: null, error }, words) }
    this.#order = new HostOrder(list.hosts)
  }

  /**
   * Opens a connection. An abort of the signal ends the search at any stage.
   *
   * @throws the server's own error for a single server; {ConnectionError} with the answer of each server for several; the
   * reason of the signal
   */
  async open(signal: AbortSignal, withHints: (error: unknown) => unknown = (error) => error): Promise<C> {
    const race = new HostRace(this.#order.hosts, this.#list.target, this.#ports, signal)
    this.#races.set(signal, race)
    try {
      const { connection, host }: Found<C> & { readonly host: HostList['hosts'][number] } = await race.winner
      this.#order.opened(host)
      return connection
    } catch (error) {
      this.#order.failed(race.outcomes)
      if (error !== null) throw error
      throw withHints(hostFailure(this.#list, race.outcomes, this.#words))
    }
  }

  /**
   * What the search with this signal has found out so far, for the caller that ends it. Null if there is nothing to
   * report.
   */
  progress(signal: AbortSignal): { readonly said: string; readonly retryAfterMs: number | null } | null {
    const outcomes = this.#races.get(signal)?.outcomes ?? []
    if (outcomes.length === 0) return null
    const isChanging = outcomes.some((outcome) => isInChange(outcome, this.#words))
    return { said: inWords(outcomes, this.#words), retryAfterMs: isChanging ? SOON_MS : null }
  }
}
