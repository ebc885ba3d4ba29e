import { SqlError } from '../messages/sql-error.js'
import { readMilliseconds, shownMilliseconds } from './setting-values.js'

/** The server's own settings, as a new session would have them, by their names in lower case. */
export interface ServerSettings {
  /** The value as SHOW returns it; undefined if the setting does not exist. */
  shown(name: string): string | undefined
  /** The name as PostgreSQL writes it: `TimeZone` for `timezone`. */
  properName(name: string): string
}

/** Settings whose every change is reported to the client, in lower case. */
export const REPORTED: readonly string[] = [
  'application_name',
  'client_encoding',
  'datestyle',
  'default_transaction_read_only',
  'in_hot_standby',
  'integer_datetimes',
  'intervalstyle',
  'is_superuser',
  'scram_iterations',
  'search_path',
  'server_encoding',
  'server_version',
  'session_authorization',
  'standard_conforming_strings',
  'timezone',
]

const READ_ONLY: ReadonlySet<string> = new Set([
  'in_hot_standby',
  'integer_datetimes',
  'is_superuser',
  'server_encoding',
  'server_version',
  'server_version_num',
])

/** Timeouts that lockpool itself enforces for the client. */
export const TIMEOUTS = ['lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout'] as const

export type Timeout = (typeof TIMEOUTS)[number]

type Values = ReadonlyMap<string, string>

/** The settings at the start of a transaction or a savepoint, for a rollback to it. */
export interface SettingsMark {
  readonly session: Values
  readonly local: Values
}

const NONE: Values = new Map()

/** The settings of a client: set for its session, or with SET LOCAL until its transaction ends. */
export class Settings {
  readonly #server: ServerSettings
  /** The values after RESET: those of the server, and those of the startup packet. */
  readonly #atStart: Values
  #session: Values = NONE
  #local: Values = NONE
  /** Parsed once, because every lock reads them. Null after a change. */
  #timeouts: Readonly<Record<Timeout, number>> | null = null

  /** @throws {SqlError} */
  constructor(server: ServerSettings, atStart: ReadonlyMap<string, string>) {
    this.#server = server
    const values = new Map<string, string>()
    for (const [name, value] of atStart)
      values.set(name.toLowerCase(), this.#checked(name.toLowerCase(), value))
    this.#atStart = values.size === 0 ? NONE : values
  }

  /** The value as SHOW returns it. @throws {SqlError} 42704 */
  show(name: string): string {
    const value = this.#find(name)
    if (value !== undefined) return value
    throw new SqlError('42704', `unrecognized configuration parameter "${name}"`)
  }

  properName(name: string): string {
    return this.#server.properName(name)
  }

  /** Milliseconds; Infinity for PostgreSQL's 0, which means no limit. */
  timeoutMs(name: Timeout): number {
    this.#timeouts ??= {
      lock_timeout: this.#readTimeout('lock_timeout'),
      statement_timeout: this.#readTimeout('statement_timeout'),
      idle_in_transaction_session_timeout: this.#readTimeout('idle_in_transaction_session_timeout'),
    }
    return this.#timeouts[name]
  }

  get standardConformingStrings(): boolean {
    return this.#find('standard_conforming_strings') !== 'off'
  }

  /** Null is DEFAULT. @throws {SqlError} */
  set(name: string, value: string | null, isLocal: boolean): void {
    if (value === null) return this.reset(name)
    const checked = this.#checked(name, value)
    if (isLocal) this.#change(this.#session, new Map(this.#local).set(name, checked))
    else this.#change(new Map(this.#session).set(name, checked), without(this.#local, name))
  }

  /** @throws {SqlError} */
  reset(name: string): void {
    this.show(name)
    this.#change(without(this.#session, name), without(this.#local, name))
  }

  resetAll(): void {
    this.#change(NONE, NONE)
  }

  get mark(): SettingsMark {
    return { session: this.#session, local: this.#local }
  }

  goBackTo(mark: SettingsMark): void {
    if (mark.session !== this.#session || mark.local !== this.#local) this.#change(mark.session, mark.local)
  }

  /** The transaction has been committed. */
  keep(): void {
    if (this.#local !== NONE) this.#change(this.#session, NONE)
  }

  /** The settings that differ from a new session of the server. */
  get changes(): Values {
    if (this.#session === NONE && this.#local === NONE) return this.#atStart
    return new Map([...this.#atStart, ...this.#session, ...this.#local])
  }

  #find(name: string): string | undefined {
    return (
      this.#local.get(name) ?? this.#session.get(name) ?? this.#atStart.get(name) ?? this.#server.shown(name)
    )
  }

  #readTimeout(name: Timeout): number {
    const milliseconds = readMilliseconds(this.#find(name) ?? '0') ?? 0
    return milliseconds > 0 ? milliseconds : Infinity
  }

  /** The only method that changes the values. */
  #change(session: Values, local: Values): void {
    this.#session = session
    this.#local = local
    this.#timeouts = null
  }

  #checked(name: string, value: string): string {
    if (READ_ONLY.has(name)) throw new SqlError('55P02', `parameter "${name}" cannot be changed`)
    if (name === 'client_encoding') return checkedEncoding(value)
    if ((TIMEOUTS as readonly string[]).includes(name)) return checkedTimeout(name, value)
    if (name === 'standard_conforming_strings') return checkedBoolean(name, value)
    const isCustom = name.includes('.')
    if (!isCustom && this.#server.shown(name) === undefined)
      throw new SqlError('42704', `unrecognized configuration parameter "${name}"`)
    return value
  }
}

function without(values: Values, name: string): Values {
  if (!values.has(name)) return values
  const rest = new Map(values)
  rest.delete(name)
  return rest
}

function checkedEncoding(value: string): string {
  const name = value.replaceAll(/[^a-z0-9]/gi, '').toUpperCase()
  if (name === 'UTF8' || name === 'UNICODE') return 'UTF8'
  throw new SqlError('0A000', `lockpool serve speaks UTF8 only, not client_encoding "${value}"`)
}

function checkedTimeout(name: string, value: string): string {
  const milliseconds = readMilliseconds(value)
  if (milliseconds === null) throw new SqlError('22023', `invalid value for parameter "${name}": "${value}"`)
  if (milliseconds < 0 || milliseconds > 2_147_483_647)
    throw new SqlError(
      '22023',
      `${milliseconds} ms is outside the valid range for parameter "${name}" (0 ms .. 2147483647 ms)`,
    )
  return shownMilliseconds(milliseconds)
}

function checkedBoolean(name: string, value: string): string {
  const word = value.toLowerCase()
  if (['on', 'true', 'yes', '1', 't', 'y'].includes(word)) return 'on'
  if (['off', 'false', 'no', '0', 'f', 'n'].includes(word)) return 'off'
  throw new SqlError('22023', `parameter "${name}" requires a Boolean value`)
}
