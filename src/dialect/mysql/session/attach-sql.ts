/** The facts about a server that a lock session needs. */
export const FACTS = `
SELECT CONNECTION_ID(), VERSION(), @@version_comment, DATABASE(), @@lower_case_table_names,
  CONCAT(@@server_id, ' on ', @@hostname, ':', @@port)`

/** Variables that not every server has. */
export const MORE_FACTS = `
SHOW VARIABLES WHERE Variable_name IN (
  'server_uuid', 'server_uid', 'group_replication_group_name',
  'innodb_flush_log_at_trx_commit', 'log_bin', 'binlog_format')`

/** The settings of all our sessions: GROUP_CONCAT does not truncate answers, and each statement commits by itself. */
const COMMON = `SET SESSION sql_mode = 'STRICT_TRANS_TABLES', group_concat_max_len = 16777216, autocommit = 1`

/** The lease of a lock session is the server's timeout for idle sessions. Statements have no time limit. */
export function settings(isMariaDb: boolean, leaseSeconds: number): string {
  const unlimited = isMariaDb ? 'max_statement_time = 0' : 'max_execution_time = 0'
  return `${COMMON}, wait_timeout = ${leaseSeconds}, ${unlimited}`
}

export const IN_FORCE = `SELECT @@session.wait_timeout, @@session.group_concat_max_len, CONNECTION_ID()`

/** The user and host of a session, if this user may see them. */
export const WHO = `SELECT USER, HOST FROM information_schema.PROCESSLIST WHERE ID = ?`

/** The holder of any of this number of names. */
export function holderOf(names: number): string {
  return `SELECT COALESCE(${Array.from({ length: names }, () => 'IS_USED_LOCK(?)').join(', ')}), CONNECTION_ID()`
}
