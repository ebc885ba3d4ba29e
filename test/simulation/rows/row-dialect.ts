import type { Clock } from '../../../src/base/clock.js'
import { ConnectionError, LockError } from '../../../src/base/errors.js'
import type { Random } from '../../../src/base/random.js'
import type { Capabilities } from '../../../src/dialect/capabilities.js'
import type {
  Borrow,
  Dialect,
  LinkSettings,
  ListeningConnection,
  LockLink,
  NotificationHandlers,
} from '../../../src/dialect/dialect.js'
import { encodeTableKey, encodeTableSemaphore } from '../../../src/dialect/postgres/table/key.js'
import { ROWS } from '../../../src/dialect/postgres/table/table-dialect.js'
import { RowLink, type RowFacts } from '../../../src/dialect/rows/link.js'
import { drawMemberId } from '../../../src/dialect/rows/member-id.js'
import { Member } from '../../../src/dialect/rows/member.js'
import { RowWatch, type NotificationSource } from '../../../src/dialect/rows/row-watch.js'
import { StatementRunner, type ErrorReader } from '../../../src/dialect/rows/statement-runner.js'
import { Waits } from '../../../src/dialect/rows/waits.js'
import type { FakeConnection } from '../../../src/testing/fake-connection.js'
import type { RowServer } from './row-server.js'
import { SimRowStore, type Send } from './sim-row-store.js'

/** The server has undone the statement, and asks for it again. */
export class Undone extends Error {}

/** The server has refused the statement. */
export class Refused extends Error {}

const ERRORS: ErrorReader = {
  outcomeOf: (error) => (error instanceof Undone ? 'undone' : error instanceof Refused ? 'refused' : 'lost'),
  isBroken: (error) => !(error instanceof Undone || error instanceof Refused),
}

/** What a process has of the world. */
export interface RowPorts {
  readonly name: string
  readonly clock: Clock
  readonly random: Random
  readonly server: RowServer
  /** Sends a statement; the answer comes when the process runs. */
  readonly send: Send
  /** Something that is told to the process: it hears of it when it runs. */
  readonly arrive: (told: () => void) => void
  /** Begins and ends to hear what is said to a member, on a connection. */
  readonly hear: (connection: FakeConnection, begin: readonly string[], end: readonly string[]) => void
  /** Whether notifications reach this process, or it only looks, as behind a pooler. */
  readonly isNotified: boolean
}

const nothing = (): undefined => undefined

/** What `TableDialect` is in PostgreSQL: everything above the statements is the real thing. */
export class SimRowDialect implements Dialect<FakeConnection> {
  readonly can: Capabilities = ROWS
  readonly encodeKey: Dialect<FakeConnection>['encodeKey'] = encodeTableKey
  readonly encodeSemaphore: Dialect<FakeConnection>['encodeSemaphore'] = encodeTableSemaphore
  readonly #ports: RowPorts
  readonly #waits = new Waits()

  constructor(ports: RowPorts) {
    this.#ports = ports
  }

  async join(
    borrow: Borrow<FakeConnection>,
    settings: LinkSettings,
    ended: (cause: Error) => void,
    signal: AbortSignal,
  ): Promise<LockLink> {
    const { clock, random, server, send, name } = this.#ports
    const { leaseMs, fencing } = settings
    const id = drawMemberId(random)
    const runner = new StatementRunner(borrow, leaseMs, ERRORS, { clock, random })
    signal.addEventListener('abort', () => (runner.isOver = true), { once: true })
    const member = new Member(id, leaseMs, new SimRowStore(runner, send, server), ended, clock)
    try {
      const { floor, secret } = await runner.once((connection) =>
        send(connection, () => server.join(id, leaseMs, name)),
      )
      await member.beat()
      this.#waits.dead = () => member.dead
      const noFencing = fencing === 'off' ? '"fencing" is off' : null
      const facts: RowFacts = { server: SERVER, floor, secret, keepsNames: false, shortfall: null, noFencing }
      return new RowLink(member, this.#waits, facts)
    } catch (error) {
      await member.leave().catch(nothing)
      throw this.explain(error)
    }
  }

  attach(): Promise<LockLink> {
    return Promise.reject(new Error('rows with leases belong to no connection'))
  }

  listen(connection: FakeConnection, handlers: NotificationHandlers): Promise<ListeningConnection> {
    const { clock, random, server, send, isNotified, arrive } = this.#ports
    const watch = new RowWatch({
      looker: {
        places: (keys, dead) => send(connection, () => server.places(keys, dead)),
        check: () => send(connection, nothing),
        onEnd: (ended) => {
          let isOver = false
          connection.onEnd((cause) => arrive(() => isOver || ended(cause)))
          return () => void (isOver = true)
        },
      },
      source: isNotified ? this.#sourceOn(connection) : null,
      waits: this.#waits,
      handlers,
      random,
      clock,
    })
    watch.start()
    return Promise.resolve(watch)
  }

  /** Its own handlers: what is said to a member comes as the sender of a wake-up. */
  #sourceOn(connection: FakeConnection): NotificationSource {
    const { send, hear, arrive } = this.#ports
    return {
      hear: (begin, end) => send(connection, () => hear(connection, begin, end)),
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

  writeReports(): Promise<void> {
    return Promise.resolve()
  }

  explain(error: unknown): LockError {
    return error instanceof LockError ? error : new ConnectionError(String(error), { cause: error })
  }
}

const SERVER = { host: 'simulated', timeline: null, system: null, started: null, instance: null }
