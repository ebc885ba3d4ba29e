import type { OldSnapshot } from '../../dialect/server-state.js'
import type { PatroniFacts, PatroniUnavailable } from './patroni.js'

/** The facts that the checks examine. Durations are milliseconds. */
export interface DoctorFacts {
  /** Where the address of the database came from: `--url`, a variable, ... */
  readonly source: string
  readonly address: { readonly host: string; readonly port: number; readonly isLocal: boolean }
  readonly server: ServerRow
  /** The backend pid that was announced at connection start. Behind a pooler it differs from the one that answers. */
  readonly announcedPid: number
  readonly lockTable: { readonly used: number; readonly capacity: number }
  /** The median of several statements that do nothing. */
  readonly roundTripMs: number
  /** The server's clock minus the client's, within half a round trip. */
  readonly clockOffsetMs: number
  /** How long a notification took to come back; null if it did not, or on a standby, which refuses them. */
  readonly notificationMs: number | null
  /** Null on a standby, where no pool would lock. */
  readonly lockSession: LockSessionOutcome | null
  /** The oldest snapshot of the sessions in this database, if its locks are rows: see `ServerFacts`. Otherwise undefined. */
  readonly oldSnapshot?: OldSnapshot | null
  /** The record of the default namespace, and those of moves. Undefined if there are none that this role may read. */
  readonly backends?: readonly BackendRecord[]
  /** The facts that matter in a failover; undefined on a standby. */
  readonly availability?: AvailabilityFacts
}

/** A row of BACKENDS: how the locks of a namespace are kept. */
export interface BackendRecord {
  readonly namespace: string
  readonly backend: string
  readonly used_by: string
  readonly since: string
  /** During a move: whether its process is alive. */
  readonly is_alive: boolean
}

/** What matters when the primary changes. */
export interface AvailabilityFacts {
  /** How many hosts the address names. */
  readonly hosts: number
  /** The lease of the program that is going to lock. */
  readonly leaseMs: number
  /** Null where the role can't read it. */
  readonly timeline: number | null
  /** Standbys that are connected to this server. */
  readonly standbys: number
  /** `synchronous_standby_names`; empty if commits wait for no standby. */
  readonly synchronousStandbys: string
  /** Null without `--patroni`. */
  readonly patroni: PatroniFacts | PatroniUnavailable | null
}

/** A row of AVAILABILITY. */
export interface AvailabilityRow {
  readonly standbys: number
  readonly synchronous_standbys: string
}

/** The outcome of an attempt to acquire and release a lock, as a program would. */
export type LockSessionOutcome =
  | { readonly isUsable: true; readonly lockMs: number }
  | { readonly isUsable: false; readonly code: string; readonly message: string }

/** A row of DOCTOR_FACTS. */
export interface ServerRow {
  readonly pid: number
  readonly product: string
  readonly version_number: number
  readonly is_standby: boolean
  readonly role: string
  readonly database: string
  /** ISO 8601. */
  readonly at: string
  readonly locks_per_transaction: number
  readonly max_connections: number
  readonly connections: number
  /** -1 without a limit. */
  readonly role_limit: number | null
  readonly role_connections: number
  readonly may_terminate: boolean
  readonly may_see_all: boolean
  readonly has_schema: boolean
  readonly may_draw_tokens: boolean
  readonly may_create_schema: boolean
  readonly may_name_keys: boolean
  readonly may_report: boolean
  readonly may_read_secret: boolean
  readonly is_secret_public: boolean
  readonly may_read_backends: boolean
  readonly is_encrypted: boolean
  /** In the units of `pg_settings`. */
  readonly settings: Readonly<Partial<Record<SettingName, number>>>
}

type SettingName =
  | 'idle_in_transaction_session_timeout'
  | 'idle_session_timeout'
  | 'statement_timeout'
  | 'tcp_keepalives_idle'
  | 'deadlock_timeout'
