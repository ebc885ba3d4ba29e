import type { ConnectionOptions } from 'mysql2'
import { ConnectionError, InvalidOptionError } from '../../base/errors.js'
import { mysqlConfig } from '../../dialect/mysql/config/connection-config.js'
import { explain } from '../../dialect/mysql/connection/server-errors.js'
import type { ServerConnection } from '../../dialect/mysql/connection/server-connection.js'
import { PrimaryFinder } from '../../dialect/mysql/hosts/primary-finder.js'
import { connectionSource } from '../connection.js'
import type { ServerAddress } from '../server.js'

/** How long to wait for a server that accepts the connection and then is silent. */
const CONNECT_LIMIT_MS = 30_000

/** @throws {InvalidOptionError} in the words of the command line */
export function mysqlConfigOf({ url, applicationName }: ServerAddress): ConnectionOptions {
  const source = connectionSource(url, process.env)
  const { config, problem } = mysqlConfig(source?.url)
  if (problem !== null)
    throw new InvalidOptionError([source === null ? problem : problem.replace('"connection"', source.source)])
  return { ...config, connectAttributes: { program_name: applicationName, ...config.connectAttributes } }
}

/**
 * `signal` cancels the attempt.
 *
 * @throws {ConnectionError}
 */
export async function openMysql(config: ConnectionOptions, signal?: AbortSignal): Promise<ServerConnection> {
  const limit = AbortSignal.timeout(CONNECT_LIMIT_MS)
  const either = signal === undefined ? limit : AbortSignal.any([limit, signal])
  try {
    return await new PrimaryFinder(config).open(either)
  } catch (error) {
    if (!limit.aborted) throw explain(error)
    throw new ConnectionError(`the server did not answer within ${CONNECT_LIMIT_MS / 1000} s`, {
      cause: error,
    })
  }
}
