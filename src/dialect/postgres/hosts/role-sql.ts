/** For servers that do not report these values by themselves. */
export const ROLE = `
SELECT
  pg_catalog.pg_is_in_recovery() AS is_standby,
  pg_catalog.current_setting('default_transaction_read_only')::boolean AS reads_only`
