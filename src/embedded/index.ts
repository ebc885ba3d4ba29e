/** `lockpool/embedded`: a real PostgreSQL for development and tests, from npm packages. */
export { InvalidOptionError } from '../base/errors.js'
export type { EmbeddedPostgres, StopMode } from './embedded-postgres.js'
export { EmbeddedPostgresError, type EmbeddedPostgresErrorCode } from './embedded-postgres-error.js'
export type { EmbeddedPostgresOptions, SettingValue } from './embedded-postgres-options.js'
export { startEmbeddedPostgres } from './start-embedded-postgres.js'
