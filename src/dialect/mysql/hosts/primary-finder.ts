import type { ConnectionOptions } from 'mysql2'
import { systemClock, type Clock } from '../../../base/clock.js'
import { ConnectionError } from '../../../base/errors.js'
import { orAbort } from '../../../base/or-abort.js'
import type { HostList } from '../../hosts/host-list.js'
import type { Found, Place } from '../../hosts/host-race.js'
import { HostSearch } from '../../hosts/host-search.js'
import { hostInWords, SOON_MS, type Host } from '../../hosts/host.js'
import { loadDriver } from '../connection/driver.js'
import { ServerConnection } from '../connection/server-connection.js'
import { explain } from '../connection/server-errors.js'
import { hostsOf } from './host-list.js'
import { roleOf, unsuitable } from './role.js'

/** Parts that tests replace. */
export interface FinderPorts {
  readonly clock?: Clock
  readonly open?: (
    config: ConnectionOptions,
    signal: AbortSignal,
    heard?: () => void,
  ) => Promise<ServerConnection>
}

/**
 * Opens connections to the suitable server. If the settings name a single host, the driver connects to it, and lock
 * sessions check its role.
 */
export class PrimaryFinder {
  readonly #config: ConnectionOptions
  readonly #list: HostList | null
  readonly #search: HostSearch<ServerConnection> | null
  readonly #openAt: NonNullable<FinderPorts['open']>

  constructor(config: ConnectionOptions, { clock = systemClock, open = connect }: FinderPorts = {}) {
    this.#config = config
    this.#openAt = open
    this.#list = hostsOf(config)
    const ports = {
      clock,
      // The driver tries all addresses of a name.
      needsAddress: () => false,
      resolve: () => Promise.resolve([]),
      open: ({ host }: Place, signal: AbortSignal, heard: () => void) => this.#open(host, signal, heard),
      discard: (connection: ServerConnection) => void connection.close(),
    }
    this.#search = this.#list === null ? null : new HostSearch(this.#list, ports, { hostInWords, explain })
  }

  /**
   * Opens a connection. An abort of the signal ends the attempt at any stage.
   *
   * @throws the driver's error for a single server; {ConnectionError} with the answer of each server for several
   */
  open(signal: AbortSignal): Promise<ServerConnection> {
    return this.#search === null ? this.#openAt(this.#config, signal) : this.#search.open(signal)
  }

  /** What the attempt with this signal has found out so far. Null if there is nothing to report. */
  progress(signal: AbortSignal): ReturnType<HostSearch<ServerConnection>['progress']> {
    return this.#search?.progress(signal) ?? null
  }

  async #open(host: Host, signal: AbortSignal, heard: () => void): Promise<Found<ServerConnection>> {
    const connection = await this.#openAt({ ...this.#config, ...host }, signal, heard)
    try {
      const role = await orAbort(roleOf(connection), signal)
      const problem = unsuitable(role, this.#list!.target === 'read-write')
      // A failover may make this server the primary at any moment.
      if (problem !== null) throw new ConnectionError(problem, { retryAfterMs: SOON_MS })
      return { connection, role: 'primary' }
    } catch (error) {
      // An orderly end, because a server counts and logs the others.
      if (signal.aborted) connection.destroy()
      else void connection.close()
      throw error
    }
  }
}

async function connect(
  config: ConnectionOptions,
  signal: AbortSignal,
  heard?: () => void,
): Promise<ServerConnection> {
  return ServerConnection.open(await loadDriver(), config, signal, heard)
}
