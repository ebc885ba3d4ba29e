import { lookup } from 'node:dns/promises'
import net from 'node:net'
import pg from 'pg'
import { systemClock, type Clock } from '../../../base/clock.js'
import { ServerConnection } from '../connection/server-connection.js'
import { socketTo } from '../connection/socket-to.js'
import type { Progress } from '../../../pool/connection-factory.js'
import type { HostList } from '../../hosts/host-list.js'
import type { Found, Place } from '../../hosts/host-race.js'
import { HostSearch } from '../../hosts/host-search.js'
import type { Host } from '../../hosts/host.js'
import { hostInWords } from '../connection/host.js'
import { explain } from '../connection/server-errors.js'
import { withDefaultHints } from './default-hints.js'
import { hostsOf, withHost } from './host-list.js'
import { roleOf } from './role.js'

/** Time and name resolution, which tests replace. */
export interface FinderPorts {
  readonly clock?: Clock
  /** Resolves a name to its addresses, the best first. */
  readonly resolve?: (name: string) => Promise<readonly string[]>
}

/** Opens connections to the suitable server, wherever it currently is. */
export class PrimaryFinder {
  readonly #config: pg.ClientConfig
  readonly #list: HostList
  /** Whether the user has listed hosts or chosen a target. */
  readonly #isListed: boolean
  readonly #search: HostSearch<ServerConnection>

  constructor(config: pg.ClientConfig, { clock = systemClock, resolve = addressesOf }: FinderPorts = {}) {
    this.#config = config
    const list = hostsOf(config)
    this.#isListed = list !== null
    this.#list = list ?? { hosts: [onlyHostOf(config)], target: 'any' }
    const ports = {
      clock,
      needsAddress: ({ host }: Host) =>
        typeof config.stream !== 'function' && !host.startsWith('/') && net.isIP(host) === 0,
      resolve: ({ host }: Host) => resolve(host),
      open: (place: Place, signal: AbortSignal, heard: () => void) => this.#open(place, signal, heard),
      // Closes in an orderly way, because a server logs an abrupt end.
      discard: (connection: ServerConnection) => void connection.close().catch(() => connection.destroy()),
    }
    this.#search = new HostSearch(this.#list, ports, { hostInWords, explain })
  }

  /**
   * Opens a connection. An abort of the signal ends the attempt at any stage.
   *
   * @throws the server's own error for a single server; {ConnectionError} with the answer of each server for several
   */
  open(signal: AbortSignal): Promise<ServerConnection> {
    return this.#search.open(signal, (error) => withDefaultHints(error, this.#config, process.env))
  }

  /**
   * What the attempt with this signal has found out so far, for the caller that ends it. Null if there is nothing to
   * report.
   */
  progress(signal: AbortSignal): Progress | null {
    return this.#search.progress(signal)
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
