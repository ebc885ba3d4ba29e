import type { Socket } from 'node:net'
import type pg from 'pg'
import { requestCancelOnce } from '../connection/cancel-request.js'
import { cancelTargetOf, internalsOf } from '../connection/driver-client.js'
import type { PrimaryFinder } from '../hosts/primary-finder.js'
import { explain } from '../connection/server-errors.js'
import type { ServerConnection } from '../connection/server-connection.js'

/**
 * A connection whose protocol is spoken by others: the driver connects, encrypts and logs in, and then only carries bytes.
 * For `lockpool serve`, which passes on what clients say to it.
 */
export class RawConnection {
  readonly #connection: ServerConnection
  readonly #config: pg.ClientConfig
  readonly #socket: Socket

  private constructor(connection: ServerConnection, config: pg.ClientConfig) {
    this.#connection = connection
    this.#config = config
    this.#socket = internalsOf(connection.client).connection.stream as unknown as Socket
    // The driver reads no more.
    this.#socket.removeAllListeners('data')
  }

  /** @throws {ConnectionError} as any connection of a pool */
  static async open(
    finder: PrimaryFinder,
    config: pg.ClientConfig,
    signal: AbortSignal,
  ): Promise<RawConnection> {
    let connection: ServerConnection | null = null
    try {
      connection = await finder.open(signal)
      return new RawConnection(connection, config)
    } catch (error) {
      connection?.destroy()
      throw explain(error)
    }
  }

  /** Whoever reads it. Only one can. */
  onData(read: (chunk: Buffer) => void): void {
    this.#socket.on('data', read)
  }

  onEnd(ended: (cause: Error) => void): void {
    this.#connection.onEnd(ended)
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes)
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Asks the server to give up the statement under way. The connection goes on. */
  async cancel(): Promise<void> {
    const target = cancelTargetOf(this.#connection.client, this.#config)
    if (target !== null) await requestCancelOnce(target)
  }

  destroy(): void {
    this.#connection.destroy()
  }
}
