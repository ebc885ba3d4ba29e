/** The settings of `mysql2`, and `target_session_attrs`, which lockpool reads. */
export const DRIVER_SETTINGS: ReadonlySet<string> = new Set([
  ...['host', 'port', 'socketPath', 'localAddress', 'user', 'database', 'target_session_attrs'],
  ...['password', 'password1', 'password2', 'password3', 'passwordSha1', 'insecureAuth'],
  ...['authPlugins', 'authSwitchHandler', 'enableCleartextPlugin', 'ssl', 'compress', 'flags'],
  ...['charset', 'charsetNumber', 'timezone', 'connectTimeout', 'connectAttributes', 'stream'],
  ...['enableKeepAlive', 'keepAliveInitialDelay', 'multipleStatements', 'infileStreamFactory'],
  ...['supportBigNumbers', 'bigNumberStrings', 'decimalNumbers', 'dateStrings', 'stringifyObjects'],
  ...['jsonStrings', 'typeCast', 'nestTables', 'rowsAsArray', 'namedPlaceholders', 'queryFormat'],
  ...['maxPreparedStatements', 'disableEval', 'debug', 'trace', 'isServer', 'Promise', 'pool'],
  // Options of a pool of `mysql2`. This pool has its own, so they have no effect.
  ...['connectionLimit', 'maxIdle', 'idleTimeout', 'queueLimit', 'waitForConnections'],
  ...['resetOnRelease', 'gracefulEnd'],
])

/** Common names for settings that `mysql2` calls otherwise. It would ignore them and connect to another server. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  ...{
    hosts: 'host',
    hostname: 'host',
    server: 'host',
    address: 'host',
    ports: 'port',
    socket: 'socketPath',
  },
  ...{ unixsocket: 'socketPath', username: 'user', login: 'user', pass: 'password', passwd: 'password' },
  ...{ pwd: 'password', db: 'database', dbname: 'database', databasename: 'database', schema: 'database' },
  ...{ sslmode: 'ssl', tls: 'ssl', usessl: 'ssl', targetservertype: 'target_session_attrs' },
}

const inPlain = (name: string): string => name.toLowerCase().replaceAll(/[_-]/g, '')

const PLAIN_NAMES = new Map([...DRIVER_SETTINGS].map((name) => [inPlain(name), name]))

/** The name by which `mysql2` knows a setting that it does not know by this name. Undefined if there is none. */
export function rightName(name: string): string | undefined {
  return OTHER_NAMES[inPlain(name)] ?? PLAIN_NAMES.get(inPlain(name))
}
