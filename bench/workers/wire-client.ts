import { PrimaryFinder } from '../../src/dialect/postgres/hosts/primary-finder.js'
import { clientConfig, readConnection } from '../../src/dialect/postgres/config/connection-config.js'
import { RawConnection } from '../../src/dialect/postgres/pool/raw-connection.js'

/** The type byte of RowDescription. Every answer except an error begins with it. */
const ROW_DESCRIPTION = 0x54

/** ReadyForQuery of a session outside a transaction. It ends an answer. */
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49])

/**
 * A client that uses as little processor time as Node.js allows. It writes a query string in one piece, and looks only
 * at the beginning and the end of the answer. A driver would take several times as long, and the benchmark would
 * measure the driver.
 */
export class WireClient {
  readonly #connection: RawConnection
  #unread: Buffer | null = null
  #answered: (() => void) | null = null

  private constructor(connection: RawConnection) {
    this.#connection = connection
    connection.onData((chunk) => this.#read(chunk))
  }

  static async open(url: string): Promise<WireClient> {
    const { settings, problem } = readConnection(url)
    if (problem !== null) throw new Error(problem)
    const config = clientConfig(settings, 'wire-pairs')
    const signal = new AbortController().signal
    return new WireClient(await RawConnection.open(new PrimaryFinder(config), config, signal))
  }

  /** Calls `answered` when the answer has come. An answer without a row ends the process. */
  ask(text: string, answered: () => void): void {
    this.#answered = answered
    const length = Buffer.byteLength(text) + 5
    const bytes = Buffer.allocUnsafe(length + 1)
    bytes[0] = 0x51
    bytes.writeInt32BE(length, 1)
    bytes.write(text, 5)
    bytes[length] = 0
    this.#connection.write(bytes)
  }

  end(): void {
    this.#connection.destroy()
  }

  #read(chunk: Buffer): void {
    const bytes = this.#unread === null ? chunk : Buffer.concat([this.#unread, chunk])
    if (bytes.length < READY.length || READY.compare(bytes, bytes.length - READY.length) !== 0) {
      this.#unread = bytes
      return
    }
    this.#unread = null
    if (bytes[0] !== ROW_DESCRIPTION) throw new Error(`no row, but ${bytes.toString('latin1')}`)
    this.#answered?.()
  }
}
