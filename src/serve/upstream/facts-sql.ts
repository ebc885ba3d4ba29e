/** All settings as SHOW returns them, with `version()` and the name of the database. */
export const READ_SETTINGS = `
  SELECT name, pg_catalog.current_setting(name, true) AS shown
  FROM pg_catalog.pg_settings
`

export const READ_IDENTITY = `
  SELECT pg_catalog.version() AS version, pg_catalog.current_database()::pg_catalog.text AS database
`
