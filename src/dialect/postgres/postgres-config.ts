import pg from 'pg'

/**
 * Where and how to connect: a connection string, or an object with what `pg` takes (`host`, `port`, `user`, `database`,
 * `password` as a value or a function, `ssl`, `options`, ...).
 */
export type PostgresConfig = string | pg.ClientConfig

/** Keepalive probes start after this much silence; without them a vanished server is noticed only by a heartbeat. */
const KEEPALIVE_AFTER_MS = 10_000

/**
 * The settings of every connection: what was given, else `DATABASE_URL`, else the PG* variables that `pg` reads itself.
 * `query_timeout` is left out: `pg` enforces it by destroying the connection, and every lock on it.
 */
export function clientConfig(
  connection: PostgresConfig | undefined,
  applicationName: string,
): pg.ClientConfig {
  const given = connection ?? process.env['DATABASE_URL'] ?? {}
  const { query_timeout: _, ...config } = typeof given === 'string' ? { connectionString: given } : given
  return {
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_AFTER_MS,
    application_name: applicationName,
    ...config,
    pipeline: true,
  }
}

const USUAL_FORM = 'postgres://user@host:5432/database is the usual form'

/** What is wrong with `connection`, in words and without its password; null if it can be used. */
export function configProblem(connection: PostgresConfig | undefined): string | null {
  const isConfig = typeof connection === 'object' && connection !== null && !Array.isArray(connection)
  if (connection !== undefined && typeof connection !== 'string' && !isConfig) {
    return '"connection" must be a connection string or an object with what pg takes'
  }
  const source =
    connection === undefined && process.env['DATABASE_URL'] !== undefined ? 'DATABASE_URL' : '"connection"'
  const text = connection ?? process.env['DATABASE_URL']
  // The driver would take it for a path, and look for a host called "base".
  if (typeof text === 'string' && text !== '' && !/^(\/|[a-z][a-z0-9+.-]*:)/i.test(text)) {
    return `${source} can't be understood (not a URL): ${USUAL_FORM}`
  }
  try {
    // Opens nothing, but parses everything, files of certificates included.
    const client = new pg.Client(clientConfig(connection, 'lockpool'))
    if (!Number.isInteger(client.port) || client.port < 1 || client.port > 65_535)
      return `${source}: the port is not one`
    return null
  } catch (error) {
    // The driver's own message may quote the whole string, and the error even carries it as a property.
    const code = (error as { code?: unknown }).code
    const detail =
      code === 'ERR_INVALID_URL' ? 'not a URL' : code === 'ENOENT' ? 'a file it names is missing' : 'unusable'
    return `${source} can't be understood (${detail}): ${USUAL_FORM}`
  }
}
