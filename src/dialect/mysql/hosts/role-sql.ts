/** A Galera node outside of the primary component refuses SELECT, but no SHOW. Not every server has every variable. */
export const ROLE_VARIABLES = `
SHOW GLOBAL VARIABLES WHERE Variable_name IN ('read_only', 'super_read_only', 'innodb_read_only', 'wsrep_on')`

export const ROLE_STATUS = `
SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_ready', 'wsrep_cluster_status', 'Slaves_running')`

/** Needs a privilege: SLAVE MONITOR in MariaDB, REPLICATION CLIENT in MySQL. */
export const REPLICATION = {
  mariadb: `SHOW ALL SLAVES STATUS`,
  mysql: `SHOW REPLICA STATUS`,
  /** MySQL before 8.0.22. */
  oldMysql: `SHOW SLAVE STATUS`,
} as const
