import type { Clock } from '../../../src/base/clock.js'
import { ConnectionError, LockError } from '../../../src/base/errors.js'
import type { Random } from '../../../src/base/random.js'
import type { Capabilities } from '../../../src/dialect/capabilities.js'
import type {
  Borrow,
  Dialect,
  ListeningConnection,
  NotificationHandlers,
} from '../../../src/dialect/dialect.js'
import { encodeTableKey, encodeTableSemaphore } from '../../../src/dialect/postgres/table/key.js'
import { ROWS } from '../../../src/dialect/postgres/table/table-dialect.js'
import { enter, untilAborted, type Joined, type Joining } from '../../../src/dialect/rows/joining.js'
import type { RowFacts } from '../../../src/dialect/rows/link.js'
import { Member } from '../../../src/dialect/rows/member.js'
import { RowDialect } from '../../../src/dialect/rows/row-dialect.js'
import { RowWatch, type NotificationSource } from '../../../src/dialect/rows/row-watch.js'
import { StatementRunner, type ErrorReader } from '../../../src/dialect/rows/statement-runner.js'
import type { FakeConnection } from '../../../src/testing/fake-connection.js'
import type { RowServer } from './row-server.js'
import type { RowStore } from '../../../src/dialect/rows/row-store.js'
import { SimRowStore, type Send } from './sim-row-store.js'

/** The server has rolled back the statement, so it can be repeated. */
export class Undone extends Error {
  /** As PostgreSQL says it. */
  readonly code = '40001'
}

/** The server has refused the statement. */
export class Refused extends Error {
  readonly code = '22000'
}

const ERRORS: ErrorReader = {
  outcomeOf: (error) => (error instanceof Undone ? 'undone' : error instanceof Refused ? 'refused' : 'lost'),
  isBroken: (error) => !(error instanceof Undone || error instanceof Refused),
}

/** What the simulated world gives to a process. */
export interface RowPorts {
  readonly name: string
  readonly clock: Clock
  readonly random: Random
  readonly server: RowServer
  /** Sends a statement. The process gets the answer only while it runs. */
  readonly send: Send
  /** Delivers a message to the process. The process gets it only while it runs. */
  readonly arrive: (act: () => void) => void
  /** Begins and stops to receive the notifications of members on a connection. */
  readonly hear: (connection: FakeConnection, begin: readonly string[], end: readonly string[]) => void
  /** Whether notifications reach this process. If not, it polls, as behind a pooler. */
  readonly isNotified: boolean
}

export interface NewMember {
  readonly id: number
  readonly leaseMs: number
  readonly name: string
}

const nothing = (): undefined => undefined

/** The counterpart of `TableDialect`. All code above the statements is the code that runs on PostgreSQL. */
export class SimRowDialect extends RowDialect<FakeConnection> implements Dialect<FakeConnection> {
  readonly can: Capabilities = ROWS
  readonly encodeKey: Dialect<FakeConnection>['encodeKey'] = encodeTableKey
  readonly encodeSemaphore: Dialect<FakeConnection>['encodeSemaphore'] = encodeTableSemaphore
  readonly #ports: RowPorts

  constructor(ports: RowPorts) {
    super({ by: ports.name, namespace: '', random: ports.random })
    this.#ports = ports
  }

  protected override makeMember(borrow: Borrow<FakeConnection>, joining: Joining): Promise<Joined> {
    const { clock, random } = this.#ports
    const { id, name, settings, ended, signal } = joining
    const { leaseMs, fencing } = settings
    const runner = new StatementRunner(borrow, leaseMs, ERRORS, { clock, random })
    return untilAborted(runner, signal, async () => {
      const member = new Member(id, leaseMs, this.storeOn(runner, leaseMs), ended, clock)
      const { floor, secret } = await enter(member, () => this.insert(runner, { id, leaseMs, name }))
      const noFencing = fencing === 'off' ? '"fencing" is off' : null
      const facts: RowFacts = { server: SERVER, floor, secret, keepsNames: false, shortfall: null, noFencing }
      return { member, facts }
    })
  }

  protected insert(
    runner: StatementRunner<FakeConnection>,
    { id, leaseMs, name }: NewMember,
  ): Promise<{ readonly floor: string; readonly secret: string | null }> {
    const { send, server } = this.#ports
    return runner.once((connection) => send(connection, () => server.join(id, leaseMs, name)))
  }

  protected storeOn(runner: StatementRunner<FakeConnection>, _limitMs: number): RowStore {
    return new SimRowStore(runner, this.#ports.send, this.#ports.server)
  }

  listen(connection: FakeConnection, handlers: NotificationHandlers): Promise<ListeningConnection> {
    const { clock, random, server, send, isNotified, arrive } = this.#ports
    const watch = new RowWatch({
      poller: {
        places: (keys, dead) => send(connection, () => server.places(keys, dead)),
        check: () => send(connection, nothing),
        onEnd: (ended) => {
          let isOver = false
          connection.onEnd((cause) => arrive(() => isOver || ended(cause)))
          return () => void (isOver = true)
        },
      },
      source: isNotified ? this.#sourceOn(connection) : null,
      waits: this.waits,
      handlers,
      random,
      clock,
    })
    watch.start()
    return Promise.resolve(watch)
  }

  /** Uses the handler for wake-ups of the fake connection: the member arrives as the sender, and the payload as the key. */
  #sourceOn(connection: FakeConnection): NotificationSource {
    const { send, hear, arrive } = this.#ports
    return {
      changeMembers: (begin, end) => send(connection, () => hear(connection, begin, end)),
      onNotified: (notified) => {
        const onWakeUp = (payload: string, memberId: string): void =>
          arrive(() => notified(memberId, payload))
        connection.handlers = {
          onWakeUp,
          onTicket: nothing,
          onMessage: nothing,
          onPublicMessage: nothing,
          onEnd: nothing,
        }
        return () => void (connection.handlers = null)
      },
      check: () => send(connection, nothing),
      onEnd: () => nothing,
      stop: (heard) => send(connection, () => hear(connection, [], heard)),
      destroy: nothing,
    }
  }

  guard(): Promise<void> {
    return Promise.resolve()
  }

  recordLeader(): Promise<void> {
    return Promise.resolve()
  }

  readLeader(): Promise<null> {
    return Promise.resolve(null)
  }

  writeNames(): Promise<void> {
    return Promise.resolve()
  }

  override explain(error: unknown): LockError {
    return error instanceof LockError ? error : new ConnectionError(String(error), { cause: error })
  }
}

const SERVER = { host: 'simulated', timeline: null, system: null, started: null, instance: null }
