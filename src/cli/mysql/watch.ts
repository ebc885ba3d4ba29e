import { systemClock } from '../../base/clock.js'
import { ConnectionError } from '../../base/errors.js'
import { inTime } from '../../base/in-time.js'
import { LockNames } from '../../dialect/mysql/keys/lock-names.js'
import { endSession, lookAround } from '../../dialect/mysql/inspect/read-server-state.js'
import { explain } from '../../dialect/mysql/connection/server-errors.js'
import type { ServerConnection } from '../../dialect/mysql/connection/server-connection.js'
import type { InspectOptions } from '../../dialect/postgres/inspect/read-server-state.js'
import type { ServerSession, SessionEnd } from '../../dialect/server-state.js'
import { snapshotOf, type LockSnapshot } from '../../inspect/snapshot.js'
import type { ExitStatus } from '../command.js'
import type { Inspector } from '../inspect/inspector.js'
import type { KeyCoder } from '../inspect/key-coder.js'
import { explainFailure, hangUp, type ServerAddress } from '../server.js'
import type { Terminal } from '../terminal.js'
import { mysqlConfigOf, openMysql } from './open.js'

/** Longer than a statement of ours may take: by then it is the server or the network that says nothing. */
const PATIENCE_MS = 10_000

/** Looks at the named locks of a server through one connection. */
class MysqlWatch implements Inspector {
  readonly #server: ServerConnection

  constructor(server: ServerConnection) {
    this.#server = server
  }

  async look({ names = [] }: Partial<InspectOptions> = {}): Promise<LockSnapshot> {
    const given = [...names].map(({ key, name, namespace, shapes }) => ({
      ...{ id: key, name, namespace },
      permits: shapes === null ? null : 0,
    }))
    return snapshotOf(await this.#answered(lookAround(this.#server, given)))
  }

  end({ pid }: Pick<ServerSession, 'pid'>): Promise<SessionEnd> {
    return this.#answered(endSession(this.#server, pid))
  }

  async #answered<T>(question: Promise<T>): Promise<T> {
    const late = (): Error => new ConnectionError(`the server has not answered for ${PATIENCE_MS / 1000} s`)
    try {
      return await inTime(systemClock, PATIENCE_MS, question, late)
    } catch (error) {
      throw explain(error)
    }
  }
}

/** As `withWatch`, for MariaDB and MySQL. */
export async function withMysqlWatch(
  address: ServerAddress,
  terminal: Terminal,
  use: (watch: Inspector) => Promise<ExitStatus>,
): Promise<ExitStatus> {
  let server: ServerConnection | null = null
  try {
    server = await openMysql(mysqlConfigOf(address))
    return await use(new MysqlWatch(server))
  } catch (error) {
    return await explainFailure(error, terminal)
  } finally {
    if (server !== null) await hangUp(server)
  }
}

/** How keys are called at the server: the database is in the name of each. The connection reports what is wrong with the URL. */
export function mysqlKeys(url: string | undefined): KeyCoder {
  let database: string | null = null
  try {
    database = mysqlConfigOf({ url, applicationName: '' }).database ?? null
  } catch {
    // The attempt to connect reports it.
  }
  const names = new LockNames(database)
  const lockId: KeyCoder['lockId'] = (key, namespace) => names.key(key, namespace).id
  const semaphoreId: KeyCoder['semaphoreId'] = (key, namespace) => names.semaphore(key, 1, namespace).key.id
  return {
    lockId,
    semaphoreId,
    nameRow: (name, namespace, isSemaphore) =>
      isSemaphore
        ? { key: semaphoreId(name, namespace), name, namespace, shapes: '' }
        : { key: lockId(name, namespace), name, namespace, shapes: null },
  }
}
