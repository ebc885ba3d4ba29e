import { sqlState } from './server-errors.js'

/**
 * Retries `work` when a statement timeout cancels it. The role's default for the timeout may be one millisecond, and a
 * busy server may need longer than that to run the statement that lifts it.
 */
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
