import type { Connection } from 'mysql2/promise'

/**
 * One connection to MariaDB or MySQL. It can replace a connection of `mysql2/promise` wherever only statements are
 * needed.
 */
export type MysqlConnection = Pick<
  Connection,
  | 'query'
  | 'execute'
  | 'beginTransaction'
  | 'commit'
  | 'rollback'
  | 'ping'
  | 'format'
  | 'escape'
  | 'escapeId'
  | 'threadId'
>
