/** `lockpool/dashboard`: a page that shows the locks of a process and of its server, to mount in your own server. */
import { systemClock } from './base/clock.js'
import { InvalidOptionError } from './base/errors.js'
import { pageAssets } from './dashboard/assets.js'
import { resolveDashboardOptions, type DashboardOptions } from './dashboard/dashboard-options.js'
import { DashboardSource, type EndTarget } from './dashboard/dashboard-source.js'
import { ErrorLog, writeError } from './dashboard/error-log.js'
import { RequestHandler } from './dashboard/handler.js'
import { watchPool, type WatchedPool } from './dashboard/watch-pool.js'
import { endSession } from './dialect/postgres/inspect/read-in-transaction.js'
import type { SessionEnd } from './dialect/server-state.js'
import type { LockPool } from './postgres-lock-pool.js'

export { nodeListener } from './dashboard/node-listener.js'
export type { DashboardOptions } from './dashboard/dashboard-options.js'

/** Takes a web-standard `Request` and returns a `Response`. */
export interface DashboardHandler {
  (request: Request): Promise<Response>
  /** Stops listening to the pool. */
  close(): void
}

/** What a dashboard uses of a pool of `lockpool/mysql`. The full type needs the types of `mysql2`, which some programs lack. */
type MysqlPool = WatchedPool & Pick<LockPool, 'inspectAll'>

/** How long the page waits for a connection of the program's own pool: about as long as a user would wait. */
const ANSWER_LIMIT_MS = 3000

/**
 * A dashboard of one pool and its server. From this call on it records what happens in the pool. The server is inspected
 * only while a page is open, at most once a second, on a connection of the pool. With a pool of `lockpool/mysql` it can't end
 * sessions.
 *
 * @throws {InvalidOptionError}
 */
export function dashboardHandler(
  locks: LockPool | MysqlPool,
  options: DashboardOptions = {},
): DashboardHandler {
  const resolved = resolveDashboardOptions(options)
  const end = isPostgres(locks) ? endSessionOf(locks) : null
  if (end === null && resolved.ending) throw new InvalidOptionError([NO_ENDING])
  const { report } = new ErrorLog(resolved.onError ?? writeError, systemClock)
  const source = new DashboardSource({
    clock: systemClock,
    report,
    title: '',
    pool: locks,
    look: () => locks.inspectAll({ timeoutMs: ANSWER_LIMIT_MS }),
    end,
  })
  const stop = watchPool(locks, source.history)
  const handler = new RequestHandler(resolved, { source, assets: pageAssets, clock: systemClock, report })
  return Object.assign((request: Request) => handler.handle(request), { close: stop })
}

const NO_ENDING =
  '"ending" is for PostgreSQL: MySQL does not say when a session began, so a later one may have its number'

/** Checks for a method, because `instanceof` fails if a bundle contains the class twice. */
function isPostgres(locks: LockPool | MysqlPool): locks is LockPool {
  return 'lockIn' in locks
}

function endSessionOf({ connections }: LockPool): (target: EndTarget) => Promise<SessionEnd> {
  return async ({ pid, startedAt }) => {
    const connection = await connections.connect({ timeoutMs: ANSWER_LIMIT_MS })
    try {
      return await endSession(connection, pid, startedAt)
    } finally {
      connection.release()
    }
  }
}
