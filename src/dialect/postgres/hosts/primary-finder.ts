import { lookup } from 'node:dns/promises'
import net from 'node:net'
import pg from 'pg'
import { systemClock, type Clock } from '../../../base/clock.js'
import { ServerConnection } from '../connection/server-connection.js'
import { socketTo } from '../connection/socket-to.js'
import type { Progress } from '../../../pool/connection-factory.js'
import { SOON_MS } from '../connection/server-errors.js'
import { withDefaultHints } from './default-hints.js'
import { hostFailure, inWords, isInChange } from './host-failure.js'
import { hostsOf, withHost, type HostList } from './host-list.js'
import type { Host } from '../connection/host.js'
import { HostOrder } from './host-order.js'
import { HostRace, type Found, type Place, type RacePorts } from './host-race.js'
import { roleOf } from './role.js'

/** Time and name resolution, which tests replace. */
export interface FinderPorts {
  readonly clock?: Clock
  /** Resolves a name to its addresses, the best first. */
  readonly resolve?: (name: string) => Promise<readonly string[]>
}

/**
 * Opens connections to the suitable server, wherever it currently is. `HostOrder` decides which host is tried first.
 */
export class PrimaryFinder {
  readonly #config: pg.ClientConfig
  readonly #list: HostList
  /** Whether the user has listed hosts or chosen a target. */
  readonly #isListed: boolean
  readonly #clock: Clock
  readonly #namesTo: (name: string) => Promise<readonly string[]>
  readonly #order: HostOrder
  readonly #races = new WeakMap<AbortSignal, HostRace<ServerConnection>>()

  constructor(config: pg.ClientConfig, { clock = systemClock, resolve = addressesOf }: FinderPorts = {}) {
    this.#config = config
    const list = hostsOf(config)
    this.#isListed = list !== null
    this.#list = list ?? { hosts: [onlyHostOf(config)], target: 'any' }
    this.#order = new HostOrder(this.#list.hosts)
    this.#clock = clock
    this.#namesTo = resolve
  }

  /**
   * Opens a connection. An abort of the signal ends the attempt at any stage.
   *
   * @throws the server's own error for a single server; {ConnectionError} with the answer of each server for several
   */
  async open(signal: AbortSignal): Promise<ServerConnection> {
    const race = new HostRace(this.#order.hosts, this.#list.target, this.#ports, signal)
    this.#races.set(signal, race)
    try {
      const { connection, host } = await race.winner
      if (this.#isListed) this.#order.opened(host)
      return connection
    } catch (error) {
      this.#order.failed(race.outcomes)
      if (error !== null) throw error
      throw withDefaultHints(hostFailure(this.#list, race.outcomes), this.#config, process.env)
    }
  }

  /**
   * What the attempt with this signal has found out so far, for the caller that ends it. Null if there is nothing to
   * report.
   */
  progress(signal: AbortSignal): Progress | null {
    const outcomes = this.#races.get(signal)?.outcomes ?? []
    if (outcomes.length === 0) return null
    return { said: inWords(outcomes), retryAfterMs: outcomes.some(isInChange) ? SOON_MS : null }
  }

  get #ports(): RacePorts<ServerConnection> {
    return {
      clock: this.#clock,
      needsAddress: ({ host }) =>
        typeof this.#config.stream !== 'function' && !host.startsWith('/') && net.isIP(host) === 0,
      resolve: ({ host }) => this.#namesTo(host),
      open: (place, signal, heard) => this.#open(place, signal, heard),
      isPassing: (error) => isInChange({ role: null, error }),
      // Closes in an orderly way, because a server logs an abrupt end.
      discard: (connection) => void connection.close().catch(() => connection.destroy()),
    }
  }

  async #open(
    { host, address }: Place,
    signal: AbortSignal,
    heard: () => void,
  ): Promise<Found<ServerConnection>> {
    const there = this.#isListed ? withHost(this.#config as Record<string, unknown>, host) : this.#config
    const config = address === null ? there : { ...there, stream: () => socketTo(address) }
    const connection = await ServerConnection.open(config, signal, heard)
    try {
      return { connection, role: await roleOf(connection, this.#list.target) }
    } catch (error) {
      connection.destroy()
      throw error
    }
  }
}

/** The host that the driver derives from settings without a list. Opens no connection. */
function onlyHostOf(config: pg.ClientConfig): Host {
  const { stream: _, ...quiet } = config
  const { host, port } = new pg.Client({ ...quiet, connection: {} } as pg.ClientConfig)
  return { host, port }
}

/** In the order of the operating system, which follows RFC 6724. */
async function addressesOf(name: string): Promise<readonly string[]> {
  const all = await lookup(name, { all: true, verbatim: true })
  return all.map(({ address }) => address)
}
