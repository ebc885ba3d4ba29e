import { durationInWords } from '../../inspect/durations-in-words.js'
import { isTooOld, SNAPSHOT_ADVICE, snapshotInWords } from '../../inspect/old-snapshot.js'
import { shareRules } from '../../lock/share-plan.js'
import { AVAILABILITY_CHECKS } from './availability-checks.js'
import { failure, ok, warning, type Check, type Verdict } from './verdict.js'
import { backendCheck } from './backend-check.js'
import { installAdvice } from './advised-commands.js'
import type { DoctorFacts } from './doctor-facts.js'

type Examine = (facts: DoctorFacts) => Verdict

/** The first version with `idle_session_timeout`. */
const OLDEST_VERSION = 140_000

const FAR_MS = 20
const CLOCK_OFFSET_MS = 1000
const SLOW_NOTIFICATION_MS = 250
const FEW_CONNECTIONS = 10

/** Below this, a program with a few thousand locks fills the shared table. */
const SMALL_TABLE = 10_000

/** All checks, in the order in which they are shown. */
const CHECKS: Readonly<Record<string, Examine>> = {
  connection: ({ source, address, server }) =>
    ok(`database ${server.database} at ${address.host}:${address.port} as ${server.role}, by ${source}`),

  server: ({ server: { product, version_number } }) => {
    const name = product.split(',')[0]!
    if (!product.startsWith('PostgreSQL'))
      return failure(
        `${name} is not PostgreSQL`,
        'Its advisory locks work differently, or are missing. Use PostgreSQL 14 or later.',
      )
    if (/emcc|emscripten|wasm/i.test(product))
      return failure(
        'this is PGlite, in which all clients share one session',
        'Locks have no effect there. "lockpool dev" starts a real server.',
      )
    if (version_number < OLDEST_VERSION)
      return failure(
        `${name} is too old`,
        'Lock sessions need idle_session_timeout, which came with PostgreSQL 14.',
      )
    return ok(name)
  },

  primary: ({ server }) =>
    server.is_standby
      ? failure(
          'this is a standby, a read-only copy of its primary',
          'A lock taken here would have no effect on the primary, so pools refuse to lock here. Use the address of the primary.',
        )
      : ok('this is the primary'),

  pooler: ({ server, announcedPid, lockSession }) => {
    if (server.pid === announcedPid) return ok('none between here and the server')
    return lockSession?.isUsable !== false
      ? warning(
          'there is a pooler in between, with one session per connection',
          'Locks work unless it is switched to transaction mode. lockpool needs few connections: better connect it to the server directly.',
        )
      : failure(
          'there is a pooler in between, and statements may reach any session',
          "Connect lockpool to the server directly, or through session pooling (PgBouncer: pool_mode = session), or use backend: 'table' (lockpool run --backend table), which works through any pooler.",
        )
  },

  locks: ({ lockSession }) =>
    lockSession === null
      ? failure('no lock was tried: this is a standby', 'Run this against the primary.')
      : lockSession.isUsable
        ? ok(
            `a lock was acquired and released in ${durationInWords(lockSession.lockMs)}, connecting included`,
          )
        : failure(
            `no lock could be acquired: ${lockSession.message}`,
            `The error is ${lockSession.code}: see docs/reference/errors.md.`,
          ),

  backend: ({ backends, server, address, source }) => backendCheck(backends, server, address, source),

  tokens: ({ server: { may_draw_tokens, may_create_schema, has_schema, ...server }, address }) => {
    if (may_draw_tokens) return ok('fencing tokens are available')
    if (!has_schema && may_create_schema)
      return ok('the schema lockpool does not exist yet; the first pool creates it')
    return warning(
      'fencing tokens and strict mode are not available to this role',
      `${installAdvice(server, address)} Locks alone do not need it.`,
    )
  },

  names: ({ server: { may_name_keys } }) =>
    ok(
      may_name_keys
        ? 'names of keys are recorded for lockpool ls'
        : 'names of keys are not recorded, so lockpool ls shows numbers; lockpool install creates the table',
    ),

  ages: ({ server: { may_report } }) =>
    ok(
      may_report
        ? 'pools record which process holds each lock, and for how long'
        : 'ages of locks are not recorded; lockpool install creates the table',
    ),

  messages: ({
    server: { may_read_secret, is_secret_public, has_schema, may_create_schema, ...server },
    address,
  }) => {
    if (is_secret_public)
      return warning(
        'all roles may read the secret that protects messages between processes',
        'REVOKE ALL ON lockpool.secret FROM PUBLIC; DELETE FROM lockpool.secret; pools create a new one.',
      )
    if (may_read_secret) return ok('messages between processes are protected')
    if (may_create_schema)
      return ok('there is no secret for messages between processes yet; the first pool creates it')
    return warning(
      `this role cannot read the secret for messages between processes${has_schema ? '' : ', and there is none'}: deadlocks between processes are not detected, and any role can cause needless wake-ups`,
      `${installAdvice(server, address)} Locks alone do not need it.`,
    )
  },

  'lock table': ({ lockTable: { used, capacity }, server: { locks_per_transaction } }) => {
    const percent = Math.floor((used / capacity) * 100)
    const text = `${used} of ${capacity} entries in use`
    const rules = shareRules({ capacity, perSession: locks_per_transaction })
    const room = `${text}: room for ${rules.together} locks of all pools together, or ${rules.alone} of a single pool`
    const advice = `When it is full, statements of all programs fail. Raise max_locks_per_transaction (${locks_per_transaction}), which takes a restart.`
    if (percent >= 80) return failure(`${text}, ${percent} %`, advice)
    if (percent >= 50) return warning(`${text}, ${percent} %`, advice)
    if (capacity < SMALL_TABLE)
      return warning(
        room,
        `For more, raise max_locks_per_transaction (${locks_per_transaction}), which takes a restart and little memory.`,
      )
    return ok(room)
  },

  connections: ({ server }) => {
    const { connections, max_connections, role_limit, role_connections } = server
    const ofRole = role_limit === null || role_limit < 0 ? Infinity : role_limit - role_connections
    const left = Math.min(max_connections - connections, ofRole)
    const text = `${connections} of ${max_connections} in use, ${left} left for this role`
    if (left <= 0)
      return failure(text, 'No more connections are possible. Close some, or raise max_connections.')
    return left < FEW_CONNECTIONS
      ? warning(text, 'A pool opens "max" (5) in each process. Close some, or raise max_connections.')
      : ok(text)
  },

  'idle transactions': ({ server: { settings } }) => {
    const ms = settings.idle_in_transaction_session_timeout ?? 0
    return ms === 0
      ? warning(
          'a transaction that is left open keeps its locks forever',
          'Set idle_in_transaction_session_timeout for the database or the role, to 10min for example. Lock sessions have no transactions, and are not affected.',
        )
      : ok(`a transaction that is left open ends after ${durationInWords(ms)}`)
  },

  'idle sessions': ({ server: { settings } }) => {
    const ms = settings.idle_session_timeout ?? 0
    return ok(
      ms === 0
        ? 'no idle_session_timeout; lock sessions set their own'
        : `idle_session_timeout is ${durationInWords(ms)} ; lock sessions set their own`,
    )
  },

  statements: ({ server: { settings } }) => {
    const ms = settings.statement_timeout ?? 0
    if (ms === 0) return ok('no statement_timeout')
    const text = `statement_timeout is ${durationInWords(ms)}`
    return ms < 1000
      ? warning(
          text,
          'Lock sessions switch it off, but it applies to connections that you check out of the pool.',
        )
      : ok(text)
  },

  keepalives: ({ server: { settings }, address }) => {
    const seconds = settings.tcp_keepalives_idle ?? 0
    if (address.isLocal || seconds > 0)
      return ok(seconds > 0 ? `the server probes silent clients after ${seconds} s` : 'no network in between')
    return ok('the operating system decides (often two hours); lock sessions set their own')
  },

  rights: ({ server: { may_terminate, may_see_all } }) => {
    const ends = may_terminate ? 'may end sessions of other roles' : 'may only end sessions of its own role'
    return may_see_all
      ? ok(`${ends}, and sees the activity of all sessions`)
      : ok(`${ends}, and sees only their activity; pg_read_all_stats and pg_signal_backend give more`)
  },

  encryption: ({ server: { is_encrypted }, address }) => {
    if (is_encrypted) return ok('TLS')
    return address.isLocal
      ? ok('no TLS, on this machine')
      : warning(
          'no TLS, over a network',
          'Add sslmode=verify-full to the URL. Unlike psql, pg 8 treats "require" and "prefer" as verify-full too; uselibpqcompat=true selects the rules of psql.',
        )
  },

  clock: ({ clockOffsetMs }) => {
    const text = `the server's clock is ${durationInWords(Math.abs(clockOffsetMs))} ${clockOffsetMs < 0 ? 'behind' : 'ahead'}`
    return Math.abs(clockOffsetMs) < CLOCK_OFFSET_MS
      ? ok(text)
      : warning(
          text,
          'Locks and leases do not depend on it, but the logs of both sides do not match. Check NTP.',
        )
  },

  'round trip': ({ roundTripMs }) => {
    const locks = Math.round(1000 / (2 * roundTripMs))
    const text = `${roundTripMs.toFixed(2)} ms: one caller gets about ${locks} locks per second; many callers share each round trip`
    return roundTripMs < FAR_MS
      ? ok(text)
      : warning(
          text,
          'The server is far away. Concurrent callers share round trips; a loop that acquires one lock after the other does not.',
        )
  },

  snapshots: ({ oldSnapshot }) => {
    if (oldSnapshot === undefined) return ok('no lock is a row of this database')
    return oldSnapshot === null || !isTooOld(oldSnapshot)
      ? ok('no session keeps old versions of the rows of locks')
      : warning(snapshotInWords(oldSnapshot), SNAPSHOT_ADVICE)
  },

  notifications: ({ notificationMs, server }) => {
    if (server.is_standby) return ok('not available on a standby')
    if (notificationMs === null)
      return warning(
        'none arrived within 2 s',
        'Waiting callers poll about once a second instead of being woken. Poolers often drop notifications.',
      )
    const text = `one arrived after ${notificationMs.toFixed(1)} ms`
    return notificationMs < SLOW_NOTIFICATION_MS
      ? ok(text)
      : warning(text, 'Waiting callers are woken with this delay.')
  },
}

/** All checks, in order. */
export function examine(facts: DoctorFacts): Check[] {
  const { availability } = facts
  const checks = Object.entries(CHECKS).map(([name, look]) => ({ name, ...look(facts) }))
  if (availability === undefined) return checks
  return [
    ...checks,
    ...Object.entries(AVAILABILITY_CHECKS).map(([name, look]) => ({ name, ...look(availability) })),
  ]
}

/** The checks if the facts cannot be gathered, though the server accepts the connection. */
export function explainRefusal(
  message: string,
  source: string,
  facts: Pick<DoctorFacts, 'lockSession'>,
): Check[] {
  const text = `the server does not show what the other checks need: ${message}`
  return [
    { name: 'connection', ...ok(`the server accepts it (the address is from ${source})`) },
    {
      name: 'facts',
      ...warning(text, 'This need not be a fault of the address. Locks were tried nevertheless.'),
    },
    { name: 'locks', ...CHECKS['locks']!(facts as DoctorFacts) },
  ]
}

/** The check for a server that cannot be reached. */
export function explainUnreachable(code: string | undefined, message: string, source: string): Check {
  const advice = UNREACHABLE[code ?? ''] ?? 'Check the address, and that the server accepts this host.'
  return { name: 'connection', status: 'failure', text: `${message} (the address is from ${source})`, advice }
}

const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'No server listens there. Check that it is running, and the port. "lockpool dev" starts one.',
  ENOTFOUND: 'There is no such host. Check the name in the address.',
  EAI_AGAIN: 'Names cannot be resolved now. Check DNS.',
  ETIMEDOUT: 'No answer. There may be a firewall in between.',
  '28P01': 'The password is wrong. Set PGPASSWORD, or check the address.',
  '28000': 'The server does not accept this role from this host: check pg_hba.conf, or TLS is missing.',
  '3D000': 'There is no such database: createdb makes one.',
  '53300': 'All connections are in use. Close some, or raise max_connections.',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'The certificate is not signed by a known authority. pg 8 verifies it with sslmode=require and prefer too: add sslrootcert, or uselibpqcompat=true for the rules of psql.',
  SELF_SIGNED_CERT_IN_CHAIN:
    'The certificate is signed by an unknown authority: add sslrootcert=FILE to the URL.',
}
