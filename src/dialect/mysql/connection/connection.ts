import type { Connection } from 'mysql2/promise'

/** One connection to MariaDB or MySQL, wherever a connection of `mysql2/promise` would do for statements. */
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
