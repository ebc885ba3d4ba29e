import { lookup } from 'node:dns/promises'
import net from 'node:net'
import pg from 'pg'
import { systemClock, type Clock } from '../../../base/clock.js'
import { ServerConnection } from '../connection/server-connection.js'
import { socketTo } from '../connection/socket-to.js'
import type { Progress } from '../../../pool/connection-factory.js'
import { SOON_MS } from '../connection/server-errors.js'
import { withWhatIsLeftOpen } from './left-open.js'
import { hostFailure, inWords, isInChange } from './host-failure.js'
import { hostsOf, withHost, type HostList } from './host-list.js'
import type { Host } from '../connection/host.js'
import { HostOrder } from './host-order.js'
import { HostRace, type Found, type Place, type RacePorts } from './host-race.js'
import { roleOf } from './role.js'

/** Time and names, for tests that must not depend on either. */
export interface FinderPorts {
  readonly clock?: Clock
  /** The addresses of a name, the best first. */
  readonly resolve?: (name: string) => Promise<readonly string[]>
}

/**
 * Opens connections to the server that will do, wherever it is at that moment: see `HostOrder` for which host is asked first.
 */
export class PrimaryFinder {
  readonly #config: pg.ClientConfig
  readonly #list: HostList
  /** Whether somebody has said which servers there are, or which of them will do. */
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
   * The signal ends the attempt, at whatever stage it is.
   *
   * @throws what the server says, where there is one; {ConnectionError} saying what each has said, where there are several
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
      throw withWhatIsLeftOpen(hostFailure(this.#list, race.outcomes), this.#config, process.env)
    }
  }

  /** What the attempt with this signal has found out so far, for whoever gives it up; null if that is nothing to tell. */
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
      // Politely: a server logs the other way of ending.
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

/** What the driver makes of settings that are no list. Opens nothing. */
function onlyHostOf(config: pg.ClientConfig): Host {
  const { stream: _, ...quiet } = config
  const { host, port } = new pg.Client({ ...quiet, connection: {} } as pg.ClientConfig)
  return { host, port }
}

/** In the order of the system, which is that of RFC 6724. */
async function addressesOf(name: string): Promise<readonly string[]> {
  const all = await lookup(name, { all: true, verbatim: true })
  return all.map(({ address }) => address)
}
