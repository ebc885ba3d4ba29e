import { sqlState } from './server-errors.js'

/** A role's default may leave a statement a millisecond, and a busy server may need more to lift even that. */
export async function untilNotCanceled<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (sqlState(error) !== QUERY_CANCELED || attempt === MOST_ATTEMPTS) throw error
    }
  }
}

const QUERY_CANCELED = '57014'
const MOST_ATTEMPTS = 10
