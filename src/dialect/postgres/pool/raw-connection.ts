import type { Socket } from 'node:net'
import type pg from 'pg'
import { requestCancelOnce } from '../connection/cancel-request.js'
import { cancelTargetOf, internalsOf } from '../connection/driver-client.js'
import type { PrimaryFinder } from '../hosts/primary-finder.js'
import { explain } from '../connection/server-errors.js'
import type { ServerConnection } from '../connection/server-connection.js'

/**
 * A connection that carries raw bytes: the driver connects, encrypts and logs in, and then other code speaks the
 * protocol. `lockpool serve` uses it to forward the messages of its clients.
 */
export class RawConnection {
  readonly #connection: ServerConnection
  readonly #config: pg.ClientConfig
  readonly #socket: Socket

  private constructor(connection: ServerConnection, config: pg.ClientConfig) {
    this.#connection = connection
    this.#config = config
    this.#socket = internalsOf(connection.client).connection.stream as unknown as Socket
    // From here on, the driver no longer reads.
    this.#socket.removeAllListeners('data')
  }

  /** @throws {ConnectionError} like any connection of a pool */
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

  /** The pid of the server's backend, as the server or a pooler has announced it. */
  get backend(): number | null {
    return internalsOf(this.#connection.client).processID
  }

  /** Sets the only reader of the data. */
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

  /** Asks the server to cancel the running statement. The connection stays open. */
  async cancel(): Promise<void> {
    const target = cancelTargetOf(this.#connection.client, this.#config)
    if (target !== null) await requestCancelOnce(target)
  }

  destroy(): void {
    this.#connection.destroy()
  }
}
