import type { FakeConnection } from '../../src/testing/fake-connection.js'
import type { FakeServer } from '../../src/testing/fake-server.js'

/** How one call to the server can go wrong. Opening a connection is a call as well. */
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

/** Counts the calls to a server, and lets the n-th one go wrong. */
export class Ambush {
  readonly #server: FakeServer
  readonly #nth: number
  readonly #mishap: Mishap
  readonly #open: FakeServer['factory']['open']
  #isOver = false
  calls = 0

  /** `nth` is 1 for the first; 0 is for counting alone. */
  constructor(server: FakeServer, nth: number, mishap: Mishap) {
    this.#server = server
    this.#nth = nth
    this.#mishap = mishap
    this.#open = server.factory.open
    server.factory.open = (signal) => this.#opened(signal)
  }

  /** From now on all goes well, and what was lost shows as broken connections. */
  heal(): void {
    this.#isOver = true
    for (const connection of this.#server.connections) {
      connection.isCutOff = false
      if (connection.isMute) this.#server.end(connection)
    }
  }

  /** One more call: whether it is to go wrong. */
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
