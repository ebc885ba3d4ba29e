import { LockNames } from '../../dialect/mysql/keys/lock-names.js'
import type { NamedLock } from '../../dialect/mysql/inspect/read-server-state.js'
import { endHolder, lookAtLocks } from '../../dialect/mysql/both-backends.js'
import { explain } from '../../dialect/mysql/connection/server-errors.js'
import type { ServerConnection } from '../../dialect/mysql/connection/server-connection.js'
import type { KeyNameRow } from '../../dialect/postgres/records/key-names.js'
import type { ExitStatus } from '../command.js'
import type { KeyCoder } from '../inspect/key-coder.js'
import { withWatch, type ServerWatch, type WatchedConnection } from '../inspect/server-watch.js'
import { explainFailure, type ServerAddress } from '../server.js'
import type { Terminal } from '../terminal.js'
import { mysqlConfigOf, openMysql } from './open.js'

function watched(server: ServerConnection): WatchedConnection {
  return {
    place: null,
    look: ({ names }) => explained(lookAtLocks(server, [...names].map(namedLock))),
    end: ({ pid }) => explained(endHolder(server, pid)),
    requests: null,
    onEnd: (listener) => void server.onEnd(listener),
    close: () => server.close(),
    destroy: () => server.destroy(),
  }
}

function namedLock({ key, name, namespace, shapes }: KeyNameRow): NamedLock {
  return { id: key, name, namespace, permits: shapes === null ? null : 0 }
}

async function explained<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    throw explain(error)
  }
}

/** Does the same as `withInspector`, for MariaDB and MySQL. */
export async function withMysqlWatch(
  address: ServerAddress,
  terminal: Terminal,
  use: (watch: ServerWatch) => Promise<ExitStatus>,
): Promise<ExitStatus> {
  try {
    const config = mysqlConfigOf(address)
    return await withWatch(async (signal) => watched(await openMysql(config, signal)), terminal, use)
  } catch (error) {
    return await explainFailure(error, terminal)
  }
}

/** How the server names keys: each name contains the database. The connection reports a wrong URL. */
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
    hasNames: true,
    lockId,
    semaphoreId,
    nameRow: (name, namespace, isSemaphore) =>
      isSemaphore
        ? { key: semaphoreId(name, namespace), name, namespace, shapes: '' }
        : { key: lockId(name, namespace), name, namespace, shapes: null },
  }
}
