import type mysql from 'mysql2'
import { ConnectionError } from '../../../base/errors.js'

/** The part of the driver that is used. */
export type Driver = Pick<typeof mysql, 'createConnection'>

let loading: Promise<Driver> | null = null

/**
 * Loads the driver. It is a peer dependency, and programs on PostgreSQL do not have it.
 *
 * @throws {ConnectionError} it is not installed
 */
export function loadDriver(): Promise<Driver> {
  return (loading ??= import('mysql2').then(
    // The package is CommonJS, so its exports are the default export.
    ({ default: driver }) => driver,
    (error: unknown) => {
      loading = null
      throw missing(error)
    },
  ))
}

function missing(cause: unknown): ConnectionError {
  const { code } = cause as { code?: unknown }
  const message =
    code === 'ERR_MODULE_NOT_FOUND'
      ? 'lockpool/mysql connects with the package mysql2, which is not installed: npm install mysql2'
      : 'the package mysql2 could not be loaded'
  return new ConnectionError(message, { cause, retryable: false })
}
