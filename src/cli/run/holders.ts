import { sessionInWords } from '../../inspect/session-in-words.js'
import type { LockPool } from '../../postgres-lock-pool.js'
import type { RunPool } from './run-pool.js'
import type { RunOrder } from './run-order.js'

/** How long a message about the holder may take. */
const INSPECT_LIMIT_MS = 1000

/** The sessions that hold what a run wants, in words. Empty if the server does not say so in time. Never rejects. */
export async function holdersOf(
  {
    names,
    isRaw,
    namespace,
    permits,
    connection,
  }: Pick<RunOrder, 'names' | 'isRaw' | 'namespace' | 'permits' | 'connection'>,
  pool: RunPool,
): Promise<readonly string[]> {
  try {
    if (!isInspected(pool)) return []
    const { coderOf, wantedLocks } = await import('../inspect/key-argument.js')
    const flags = {
      ...(isRaw ? { raw: true as const } : {}),
      ...(permits === null ? {} : { semaphore: true as const }),
      ...(namespace === '' ? {} : { namespace }),
    }
    const coder = await coderOf(connection?.url)
    const wanted = names.map((name) => wantedLocks(name, flags, coder))
    const { locks } = await pool.inspectAll({ timeoutMs: INSPECT_LIMIT_MS })
    const holders = locks
      .filter((lock) => wanted.some(({ isOne }) => isOne(lock)))
      .flatMap((lock) => lock.holders)
    return [...new Set(holders.map(({ session }) => sessionInWords(session)))]
  } catch {
    // The run continues without that message. If the server is unreachable, the acquire reports it.
    return []
  }
}

function isInspected(pool: RunPool): pool is RunPool & Pick<LockPool, 'inspectAll'> {
  return 'inspectAll' in pool
}
