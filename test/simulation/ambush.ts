import type { FakeConnection } from '../../src/testing/fake-connection.js'
import type { FakeServer } from '../../src/testing/fake-server.js'

/** How one call to the server can fail. Opening a connection is a call too. */
export const MISHAPS = [
  'is refused',
  'is refused, as all that follow',
  'is carried out, and answered with an error',
  'finds its connection ended',
  'is carried out, and the connection ends',
  'is carried out, and no answer arrives any more',
  'gets lost, as all on its connection',
  'meets a server that restarts',
] as const

export type Mishap = (typeof MISHAPS)[number]

const AWAY_MS = 500

/** Counts the calls to a server, and makes the n-th one fail. */
export class Ambush {
  readonly #server: FakeServer
  readonly #nth: number
  readonly #mishap: Mishap
  readonly #open: FakeServer['factory']['open']
  #isOver = false
  calls = 0

  /** The first call has the number 1. If `nth` is 0, the calls are only counted. */
  constructor(server: FakeServer, nth: number, mishap: Mishap) {
    this.#server = server
    this.#nth = nth
    this.#mishap = mishap
    this.#open = server.factory.open
    server.factory.open = (signal) => this.#opened(signal)
  }

  /** Ends all faults. Connections that have lost answers end. */
  heal(): void {
    this.#isOver = true
    for (const connection of this.#server.connections) {
      connection.isCutOff = false
      if (connection.isMute) this.#server.end(connection)
    }
  }

  /** Counts one more call, and returns whether it must fail. */
  #isStruck(): boolean {
    if (this.#isOver) return false
    this.calls++
    const isPast = this.#mishap === 'is refused, as all that follow' && this.calls > this.#nth
    return this.calls === this.#nth || (this.#nth > 0 && isPast)
  }

  async #opened(signal: AbortSignal): Promise<FakeConnection> {
    if (this.#isStruck()) {
      switch (this.#mishap) {
        case 'is refused':
        case 'is refused, as all that follow':
        case 'is carried out, and answered with an error':
          throw new Error('connection refused')
        case 'is carried out, and no answer arrives any more':
        case 'gets lost, as all on its connection':
          return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
        case 'meets a server that restarts':
          this.#restart()
          break
        case 'finds its connection ended':
        case 'is carried out, and the connection ends': {
          const connection = await this.#open(signal)
          this.#server.end(connection)
          return connection
        }
      }
    }
    const connection = await this.#open(signal)
    const ask = connection.ask.bind(connection)
    connection.ask = (work) => this.#asked(connection, ask, work)
    return connection
  }

  #asked<T>(connection: FakeConnection, ask: FakeConnection['ask'], work: () => T): Promise<T> {
    if (!this.#isStruck()) return ask(work)
    switch (this.#mishap) {
      case 'is refused':
      case 'is refused, as all that follow':
        return ask(() => {
          throw new Error('refused')
        })
      case 'is carried out, and answered with an error':
        return ask(() => {
          work()
          throw new Error('it failed')
        })
      case 'finds its connection ended':
        return ask(() => {
          this.#server.end(connection)
          throw new Error('nobody hears it')
        })
      case 'is carried out, and the connection ends':
        return ask(() => {
          const result = work()
          this.#server.end(connection)
          return result
        })
      case 'is carried out, and no answer arrives any more':
        connection.isMute = true
        return ask(work)
      case 'gets lost, as all on its connection':
        connection.isCutOff = true
        return ask(work)
      case 'meets a server that restarts':
        return ask(() => {
          this.#restart()
          throw new Error('nobody hears it')
        })
    }
  }

  #restart(): void {
    this.#server.stop()
    this.#server.clock.after(AWAY_MS, () => this.#server.start())
  }
}
