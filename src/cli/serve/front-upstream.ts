import { readConnection, clientConfig } from '../../dialect/postgres/config/connection-config.js'
import { PrimaryFinder } from '../../dialect/postgres/hosts/primary-finder.js'
import { RawConnection } from '../../dialect/postgres/pool/raw-connection.js'
import { systemClock } from '../../base/clock.js'
import { InvalidOptionError } from '../../base/errors.js'
import { ConnectionPool } from '../../pool/connection-pool.js'
import type { Evaluator } from '../../serve/upstream/passing.js'
import type { ClientSession } from '../../serve/session/client-session.js'
import type { ClientSessionHost } from '../../serve/session/client-session-host.js'
import type { SecretOf } from '../../serve/startup/users.js'
import { AuthQuery } from '../../serve/upstream/auth-query.js'
import { ShortCheckouts } from '../../serve/upstream/short-checkouts.js'
import { DeadlockWatch, type DeadlockHost } from '../../serve/upstream/deadlock-watch.js'
import { readServerWaits } from '../../serve/upstream/server-waits.js'
import { PassingSession } from '../../serve/upstream/passing-session.js'
import { UpstreamEvaluator } from '../../serve/upstream/upstream-evaluator.js'
import {
  OwnUpstream,
  PooledUpstream,
  upstreamFactory,
  type OpenTransport,
  type UpstreamSource,
} from '../../serve/upstream/upstream-source.js'
import type { ServeOrder } from './serve-order.js'
import { BadFileError } from './startup-files.js'

/** How long a client may have to wait for a connection to the upstream. */
const LEASE_TIMEOUT_MS = 30_000

/** Where statements without locks go, and what evaluates the arguments of statements with locks. */
export interface FrontUpstream {
  readonly evaluator: Evaluator
  /** Null without --auth-query. */
  readonly secretOf: SecretOf | null
  /** Checks --auth-query. @throws {BadFileError} */
  checkLogins(): Promise<void>
  readonly passingFor: ClientSessionHost<ClientSession>['passingFor']
  close(): Promise<void>
}

/** Opens no connection before the first request. @throws {InvalidOptionError} */
export function openUpstream(
  { others, max, authQuery }: ServeOrder,
  url: string | undefined,
  report: (message: string) => void,
): FrontUpstream {
  const closing = new AbortController()
  const open = carrierTo(url, 'lockpool serve')
  // Expressions are evaluated one by one, so one connection is enough. It is separate from the connections for passed-on
  // statements: a client in a transaction has one of those, and would wait for itself.
  const evaluating = new ConnectionPool(upstreamFactory(open), { min: 0, max: 1 })
  // A flood of logins must not delay the clients that have logged in.
  const asking = new ConnectionPool(upstreamFactory(open), { min: 0, max: 1 })
  const pool = new ConnectionPool(upstreamFactory(open), { min: 0, max })
  const leasesOf = (connections: typeof pool): ShortCheckouts =>
    new ShortCheckouts(new PooledUpstream(connections, LEASE_TIMEOUT_MS), systemClock, closing.signal)
  const passing = passingSource(others, new PooledUpstream(pool, LEASE_TIMEOUT_MS))
  // Only the upstream of the passed-on statements knows for whom they wait.
  const watching =
    others.kind === 'url'
      ? new ConnectionPool(upstreamFactory(carrierTo(others.url, 'lockpool serve')), { min: 0, max: 1 })
      : evaluating
  let deadlocks: DeadlockWatch | null = null
  const logins = authQuery === null ? null : new AuthQuery(leasesOf(asking), authQuery, report)
  return {
    evaluator: new UpstreamEvaluator(leasesOf(evaluating)),
    secretOf: logins === null ? null : logins.secretOf,
    checkLogins: async () => {
      const problem = (await logins?.check()) ?? null
      if (problem !== null) throw new BadFileError(`--auth-query cannot be used: ${problem}`)
    },
    passingFor:
      passing === null
        ? null
        : (session, sessions) => {
            const ask: DeadlockHost['ask'] = (backends) => readServerWaits(leasesOf(watching), backends)
            deadlocks ??= new DeadlockWatch({ clock: systemClock, sessions, ask })
            return new PassingSession(session, { source: passing, deadlocks })
          },
    close: async () => {
      closing.abort()
      await Promise.all([pool, evaluating, asking, watching].map((each) => each.close({ graceMs: 0 })))
    },
  }
}

function passingSource(others: ServeOrder['others'], pooled: UpstreamSource): UpstreamSource | null {
  if (others.kind === 'refuse') return null
  return others.kind === 'pass' ? pooled : new OwnUpstream(carrierTo(others.url, ''), LEASE_TIMEOUT_MS)
}

function carrierTo(url: string | undefined, applicationName: string): OpenTransport {
  const { settings, problem } = readConnection(url)
  if (problem !== null) throw new InvalidOptionError([problem])
  const config = clientConfig(settings, applicationName)
  const finder = new PrimaryFinder(config)
  return (signal) => RawConnection.open(finder, config, signal)
}
