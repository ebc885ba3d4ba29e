import type { Clock } from '../../../src/base/clock.js'
import type { FakeConnection } from '../../../src/testing/fake-connection.js'
import type { FakeServer } from '../../../src/testing/fake-server.js'
import type { SeededRandom } from '../../../src/testing/seeded-random.js'
import { Refused, Undone } from './row-dialect.js'
import { RowServer } from './row-server.js'
import type { Send } from './sim-row-store.js'

/**
 * A delayed statement takes a random time up to this limit. In three of five cases that is longer than the lease of 1000 ms.
 */
export const LONGEST_WAY_MS = 2500

/** The rows of a town, and the way to them: statements fail or arrive late, and notifications get lost. */
export class RowWorld {
  readonly rows: RowServer
  readonly #server: FakeServer
  readonly #clock: Clock
  readonly #random: SeededRandom
  readonly #heard = new Map<FakeConnection, Set<string>>()
  readonly #failures: Error[] = []
  #lateStatements = 0

  constructor(server: FakeServer, clock: Clock, random: SeededRandom, rows: RowServer = new RowServer()) {
    this.rows = rows
    this.#server = server
    this.#clock = clock
    this.#random = random
    this.rows.notify = (memberId, payload) => this.#notify(String(memberId), payload)
    server.failNextBatch = () => void this.#failures.push(random.chance(0.5) ? new Undone() : new Refused())
  }

  /** The rows and the members as text, for error messages. */
  get inWords(): string {
    const { leases, members } = this.rows
    const rows = [...leases].map(
      ([key, { owner, readers, waiters, token }]) =>
        `${key}: ${owner} r ${readers.join(' ')} w ${waiters.join(' ')} t ${token}`,
    )
    return [
      ...rows,
      ...[...members].map(([id, { name, dead }]) => `${id} is ${name}${dead ? ' dead' : ''}`),
    ].join('; ')
  }

  /** Delays the next statement. It arrives even if no caller waits for its answer any more. */
  delayNext(): void {
    this.#lateStatements++
  }

  /** Ends all faults. */
  endAll(): void {
    this.#failures.length = this.#lateStatements = 0
  }

  readonly send: Send = (connection, work) => {
    if (this.#lateStatements === 0) return connection.ask(() => this.#carryOut(work))
    this.#lateStatements--
    const arrived = new Promise<() => ReturnType<typeof work>>((resolve) => {
      this.#clock.after(this.#random.below(LONGEST_WAY_MS), () => resolve(outcomeOf(work)))
    })
    // The answer takes the same connection, unless that has ended by then.
    return arrived.then((outcome) => connection.ask(outcome))
  }

  readonly hear = (connection: FakeConnection, begin: readonly string[], end: readonly string[]): void => {
    const heard = this.#heard.get(connection) ?? new Set()
    this.#heard.set(connection, heard)
    for (const each of begin) heard.add(each)
    for (const each of end) heard.delete(each)
  }

  #carryOut<T>(work: () => T): T {
    const failure = this.#failures.shift()
    if (failure !== undefined) throw failure
    return work()
  }

  #notify(memberId: string, payload: string): void {
    for (const [connection, heard] of this.#heard) {
      if (!this.#server.connections.has(connection)) this.#heard.delete(connection)
      else if (heard.has(memberId) && !this.#random.chance(this.#server.notificationLoss))
        connection.deliver((handlers) => handlers.onWakeUp(payload, memberId))
    }
  }
}

function outcomeOf<T>(work: () => T): () => T {
  try {
    const result = work()
    return () => result
  } catch (error) {
    return () => {
      throw error
    }
  }
}
