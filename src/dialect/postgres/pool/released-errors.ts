import { ConnectionError } from '../../../base/errors.js'

/** In the words of `pg.Pool`, which people search for. */
export function releasedTwice(): ConnectionError {
  const message = 'Release called on client which has already been released to the pool.'
  return new ConnectionError(message, { retryable: false })
}

/** A borrower goes on with what is not his any more. */
export function released(): ConnectionError {
  return new ConnectionError('this connection was released', { retryable: false })
}
