import type { ClientConfig } from 'pg'
import { InvariantError } from '../base/assert.js'
import { systemClock, type Clock } from '../base/clock.js'
import { ConnectionError, InvalidOptionError } from '../base/errors.js'
import { printable } from '../base/printable.js'
import { PORTABLE } from '../dialect/postgres/connection/portable.js'
import type { ServerConnection } from '../dialect/postgres/connection/server-connection.js'
import { connectionSource, withSourceNames } from './connection.js'
import { EXIT, exitNameOf } from './exit-codes.js'
import type { Terminal } from './terminal.js'

/** The address of the server, and this program's name there. */
export interface ServerAddress {
  readonly url: string | undefined
  /** The name of this program in `pg_stat_activity`. */
  readonly applicationName: string
  /** Replaces the database in the address. */
  readonly database?: string
  /** Whether only SQL that distributed engines document may be sent. */
  readonly isPortable?: boolean
}

/**
 * The settings of a connection. If they are wrong, it prints the error and returns the exit code. This loads the driver, so
 * call it only after the command line has been parsed.
 */
export async function configOf(
  { url, applicationName, database, isPortable }: ServerAddress,
  { err }: Terminal,
): Promise<ClientConfig | number> {
  const source = connectionSource(url, process.env)
  const { clientConfig, readConnection } = await import('../dialect/postgres/config/connection-config.js')
  const { settings, problem } = readConnection(source?.url)
  if (problem === null) {
    const config = clientConfig(settings, applicationName)
    const chosen = database === undefined ? config : inDatabase(config, database)
    if (chosen !== null) return { ...chosen, ...(isPortable === true ? { [PORTABLE]: true } : {}) }
    err.write('lockpool: --database needs an address that begins with postgres://\n')
    return EXIT.config
  }
  err.write(`lockpool: ${source === null ? problem : problem.replace('"connection"', source.source)}\n`)
  return EXIT.config
}

/**
 * A database in the address would override a separate option, so the name goes into the address. Null if the address has
 * another form.
 */
function inDatabase(config: ClientConfig, database: string): ClientConfig | null {
  const { connectionString } = config
  if (connectionString === undefined) return { ...config, database }
  const [, server, rest] = /^(postgres(?:ql)?:\/\/[^/?#]*)[^?#]*(.*)$/s.exec(connectionString) ?? []
  if (server === undefined) return null
  return { ...config, connectionString: `${server}/${encodeURIComponent(database)}${rest!}` }
}

/** The time limit for a server that accepts a connection and then does not answer. */
const CONNECT_LIMIT_MS = 30_000

/** The time limit for closing a connection. */
const GOOD_BYE_LIMIT_MS = 1000

/**
 * `signal` cancels the attempt.
 *
 * @throws {ConnectionError} the server does not answer; other errors are those of the driver.
 */
export async function openConnection(config: ClientConfig, signal?: AbortSignal): Promise<ServerConnection> {
  const { PrimaryFinder } = await import('../dialect/postgres/hosts/primary-finder.js')
  const limit = AbortSignal.timeout(CONNECT_LIMIT_MS)
  try {
    return await new PrimaryFinder(config).open(
      signal === undefined ? limit : AbortSignal.any([limit, signal]),
    )
  } catch (error) {
    if (!limit.aborted) throw error
    throw new ConnectionError(`the server did not answer within ${CONNECT_LIMIT_MS / 1000} s`, {
      cause: error,
    })
  }
}

/** Closes a connection in any state: it may have been lost a moment ago. */
export async function hangUp(
  connection: Pick<ServerConnection, 'close' | 'destroy'>,
  clock: Clock = systemClock,
): Promise<void> {
  const cancel = clock.after(GOOD_BYE_LIMIT_MS, () => connection.destroy())
  await connection.close().catch(() => undefined)
  cancel()
}

/** Calls `use` with a connection. It prints an error of the server in one line, and returns its exit code. */
export async function withServer(
  address: ServerAddress,
  terminal: Terminal,
  use: (connection: ServerConnection, config: ClientConfig) => Promise<number>,
): Promise<number> {
  const config = await configOf(address, terminal)
  if (typeof config === 'number') return config
  let connection: ServerConnection | null = null
  try {
    connection = await openConnection(config)
    return await use(connection, config)
  } catch (error) {
    return await explainFailure(error, terminal)
  } finally {
    if (connection !== null) await hangUp(connection)
  }
}

/**
 * Prints an error in one line, and returns the exit code.
 *
 * @throws the error itself if it is a bug, because a bug needs its stack.
 */
export async function explainFailure(error: unknown, { err }: Terminal): Promise<number> {
  if (error instanceof TypeError || error instanceof InvariantError) throw error
  const { EmbeddedPostgresError } = await import('../embedded/embedded-postgres-error.js')
  const isPlain = error instanceof EmbeddedPostgresError || error instanceof InvalidOptionError
  const { explain } = await import('../dialect/postgres/connection/server-errors.js')
  // An error that came from another process has a code of the library, but no class.
  const known = exitNameOf(error) === 'internal' ? explain(error) : (error as Error)
  err.write(
    `lockpool: ${isPlain ? '' : 'the database cannot be used: '}${printable(withSourceNames(known.message))}\n`,
  )
  return EXIT[exitNameOf(known)]
}
