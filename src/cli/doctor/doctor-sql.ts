import { MOVE_CLASS } from '../../dialect/postgres/keys/key.js'
import { MOVING_FROM } from '../../dialect/postgres/schema/backend-sql.js'
import { momentText } from '../../dialect/postgres/connection/moment-sql.js'

/** The queries of the doctor. They change nothing. */

export const DOCTOR_FACTS: string = `
SELECT
  pg_backend_pid() AS pid,
  version() AS product,
  current_setting('server_version_num')::int AS version_number,
  pg_is_in_recovery() AS is_standby,
  current_user AS role,
  current_database() AS database,
  ${momentText('clock_timestamp()')} AS at,
  current_setting('max_locks_per_transaction')::int AS locks_per_transaction,
  current_setting('max_connections')::int
    - current_setting('superuser_reserved_connections')::int AS max_connections,
  (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend')::int AS connections,
  (SELECT rolconnlimit FROM pg_catalog.pg_roles WHERE rolname = current_user) AS role_limit,
  (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE usename = current_user)::int AS role_connections,
  (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)
    OR pg_has_role(current_user, 'pg_signal_backend', 'MEMBER') AS may_terminate,
  (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)
    OR pg_has_role(current_user, 'pg_read_all_stats', 'MEMBER') AS may_see_all,
  to_regnamespace('lockpool') IS NOT NULL AS has_schema,
  coalesce(
    has_schema_privilege(to_regnamespace('lockpool'), 'USAGE')
      AND has_sequence_privilege(to_regclass('lockpool.fence'), 'USAGE'),
    false) AS may_draw_tokens,
  has_database_privilege(current_database(), 'CREATE') AS may_create_schema,
  coalesce(
    has_schema_privilege(to_regnamespace('lockpool'), 'USAGE')
      AND has_table_privilege(to_regclass('lockpool.key_name'), 'INSERT'),
    false) AS may_name_keys,
  coalesce(
    has_schema_privilege(to_regnamespace('lockpool'), 'USAGE')
      AND has_table_privilege(to_regclass('lockpool.report'), 'INSERT'),
    false) AS may_report,
  coalesce(
    has_schema_privilege(to_regnamespace('lockpool'), 'USAGE')
      AND has_table_privilege(to_regclass('lockpool.secret'), 'SELECT'),
    false) AS may_read_secret,
  EXISTS (
    SELECT
    FROM pg_catalog.pg_class AS class, aclexplode(class.relacl) AS granted
    -- to_regclass would be an error for a role that may not use the schema.
    WHERE class.relnamespace = to_regnamespace('lockpool') AND class.relname = 'secret' AND granted.grantee = 0
  ) AS is_secret_public,
  coalesce(
    has_schema_privilege(to_regnamespace('lockpool'), 'USAGE')
      AND has_table_privilege(to_regclass('lockpool.backend'), 'SELECT'),
    false) AS may_read_backends,
  coalesce((SELECT ssl FROM pg_catalog.pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS is_encrypted,
  coalesce(
    (SELECT jsonb_object_agg(name, setting::numeric)
    FROM pg_catalog.pg_settings
    WHERE name IN ('idle_in_transaction_session_timeout', 'idle_session_timeout', 'statement_timeout',
      'tcp_keepalives_idle', 'deadlock_timeout')),
    '{}') AS settings`

/**
 * How the locks of the default namespace are kept, and all moves, as JSON. `is_alive` is true while the process of a move
 * holds its lock.
 */
export const BACKENDS: string = `
SELECT coalesce(jsonb_agg(record ORDER BY record.namespace), '[]')::text AS records
FROM (
  SELECT backend.namespace, backend.backend, backend.used_by, backend.since::text AS since, EXISTS (
    SELECT FROM pg_catalog.pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid = ${MOVE_CLASS}
      AND objid = (hashtext(backend.namespace)::bigint & 4294967295)::oid
      AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
  ) AS is_alive
  FROM lockpool.backend AS backend
  WHERE backend.namespace = '' OR starts_with(backend.backend, '${MOVING_FROM}')
  ORDER BY backend.namespace LIMIT 20
) AS record`

/** The shortest possible round trip. */
export const NOTHING = `SELECT`

export const LISTEN_TO_DOCTOR = `LISTEN lockpool_doctor`

export const NOTIFY_DOCTOR = `SELECT pg_catalog.pg_notify('lockpool_doctor', $1)`

/** The standbys of this server. Every role sees the rows of this view, but not all columns. */
export const AVAILABILITY = `
SELECT
  (SELECT pg_catalog.count(*)::int FROM pg_catalog.pg_stat_replication) AS standbys,
  pg_catalog.current_setting('synchronous_standby_names') AS synchronous_standbys`
