import { ConnectionError } from '../../../base/errors.js'

/** The message is that of `pg.Pool`, because people search for it. */
export function releasedTwice(): ConnectionError {
  const message = 'Release called on client which has already been released to the pool.'
  return new ConnectionError(message, { retryable: false })
}

/** The borrower has used a connection after its check-in. */
export function released(): ConnectionError {
  return new ConnectionError('this connection was released', { retryable: false })
}
