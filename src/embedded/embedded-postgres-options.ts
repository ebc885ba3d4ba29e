import { integer, show, type OptionSpec, type OptionTable } from '../base/options.js'

/** The value of a setting. */
export type SettingValue = string | number | boolean

/** How to run an embedded PostgreSQL. Every duration is in milliseconds. */
export interface EmbeddedPostgresOptions {
  /**
   * Settings of the server, by the names of postgresql.conf: `{ max_connections: 200, log_statement: 'all' }`. They are on
   * its command line, so `ALTER SYSTEM` does not change them. A number is in the unit of its setting; write `'64MB'` or
   * `'5s'` where it matters. With a wrong setting the start fails with `START_FAILED` and the error of the server.
   *
   * Default none. `port`, `listen_addresses` and `data_directory` are refused.
   */
  readonly settings?: Readonly<Record<string, SettingValue>>

  /**
   * The port on 127.0.0.1. If it is in use, the start fails with `PORT_IN_USE`.
   *
   * Default 0 (any free port). From 0 to 65535.
   */
  readonly port?: number

  /**
   * Whether a commit waits for the disk, as on a production server. `false` turns `fsync` and `full_page_writes` off. That
   * suits tests, but not measurements. The data then still survives a crash of the server (`restart('immediate')` loses
   * nothing), but not a crash of the machine, which no embedded server survives.
   *
   * Default true.
   */
  readonly durable?: boolean

  /**
   * How long starting may take in total, including making the data folder. A restart has the same limit. After it, the start
   * fails with `START_TIMED_OUT`.
   *
   * Default 60000. From 1 to 3600000 (one hour).
   */
  readonly startTimeoutMs?: number
}

/** Settings that would break a promise: the URL, no access from outside, no data after the end. */
const OUR_SETTINGS: ReadonlySet<string> = new Set(['port', 'listen_addresses', 'data_directory'])

const SETTING_NAME = /^[a-z_][a-z0-9_.]*$/i

function settingProblem([name, value]: [string, unknown]): string | null {
  if (!SETTING_NAME.test(name)) return `${show(name)} is not the name of a setting`
  if (OUR_SETTINGS.has(name.toLowerCase())) return `${name} can't be set`
  const isValue =
    typeof value === 'boolean' ||
    (typeof value === 'number' && Number.isFinite(value)) ||
    (typeof value === 'string' && !value.includes('\0'))
  return isValue ? null : `${name} must be a string, a finite number or a boolean`
}

const settingsSpec: OptionSpec<Readonly<Record<string, SettingValue>>> = {
  default: {},
  problem: (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'must be an object'
    const problems = Object.entries(value).map(settingProblem)
    return problems.find((problem) => problem !== null) ?? null
  },
}

const ONE_HOUR_MS = 3_600_000

/** The single source of defaults and limits; the tidy test holds the comments above to it. */
export const EMBEDDED_POSTGRES_OPTIONS: OptionTable<EmbeddedPostgresOptions> = {
  settings: settingsSpec,
  port: integer({ default: 0, min: 0, max: 65_535 }),
  durable: {
    default: true,
    problem: (value) => (typeof value === 'boolean' ? null : 'must be true or false'),
  },
  startTimeoutMs: integer({ default: 60_000, min: 1, max: ONE_HOUR_MS }),
}
