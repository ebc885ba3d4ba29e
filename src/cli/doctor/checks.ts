import { durationInWords } from '../../inspect/durations-in-words.js'
import { shareRules } from '../../lock/share-plan.js'
import type { DoctorFacts } from './doctor-facts.js'

export type CheckStatus = 'ok' | 'warning' | 'failure'

/** One thing that was looked at. */
export interface Check {
  readonly name: string
  readonly status: CheckStatus
  readonly text: string
  /** What to do; null where nothing has to be done. */
  readonly advice: string | null
}

/** What a check says of the facts; its name is in the table. */
type Verdict = Omit<Check, 'name'>

type Examine = (facts: DoctorFacts) => Verdict

function ok(text: string): Verdict {
  return { status: 'ok', text, advice: null }
}

function warning(text: string, advice: string): Verdict {
  return { status: 'warning', text, advice }
}

function failure(text: string, advice: string): Verdict {
  return { status: 'failure', text, advice }
}

/** `idle_session_timeout` came with it. */
const OLDEST_VERSION = 140_000

const FAR_MS = 20
const CLOCK_OFFSET_MS = 1000
const SLOW_NOTIFICATION_MS = 250
const FEW_CONNECTIONS = 10

/** Below this, a program with a few thousand locks fills the table that everybody shares. */
const SMALL_TABLE = 10_000

/** Everything that is looked at, in the order in which it is told. */
const CHECKS: Readonly<Record<string, Examine>> = {
  connection: ({ source, address, server }) =>
    ok(`database ${server.database} at ${address.host}:${address.port} as ${server.role}, by ${source}`),

  server: ({ server: { product, version_number } }) => {
    const name = product.split(',')[0]!
    if (!product.startsWith('PostgreSQL'))
      return failure(
        `${name} is not PostgreSQL`,
        'Its advisory locks are something else, or missing. Use PostgreSQL 14 or later.',
      )
    if (/emcc|emscripten|wasm/i.test(product))
      return failure(
        'this is PGlite, which has one session for everybody',
        'Locks exclude nobody there. "lockpool dev" starts a real server.',
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
          'this is a standby: it only reads what its primary writes',
          'A lock taken here would exclude nobody on the primary, so pools refuse to lock here. Use the address of the primary.',
        )
      : ok('this is the primary'),

  pooler: ({ server, announcedPid, lockSession }) => {
    if (server.pid === announcedPid) return ok('none between here and the server')
    return lockSession?.isUsable !== false
      ? warning(
          'a pooler stands in between, and keeps a session of its own for each connection',
          'Locks hold as long as it is not told to pool transactions. lockpool needs few connections: better connect it to the server itself.',
        )
      : failure(
          'a pooler stands in between, and statements may reach any session',
          'Connect lockpool to the server itself, or through session pooling (PgBouncer: pool_mode = session).',
        )
  },

  locks: ({ lockSession }) =>
    lockSession === null
      ? failure('no lock was tried: this is a standby', 'Run this against the primary.')
      : lockSession.isUsable
        ? ok(`a lock was taken and released in ${durationInWords(lockSession.lockMs)}, connecting included`)
        : failure(
            `no lock could be taken: ${lockSession.message}`,
            `The error is ${lockSession.code}: see docs/reference/errors.md.`,
          ),

  tokens: ({ server: { may_draw_tokens, may_create_schema, has_schema } }) => {
    if (may_draw_tokens) return ok('fencing tokens can be drawn')
    if (!has_schema && may_create_schema)
      return ok('schema lockpool is not there yet; the first pool makes it')
    return warning(
      'there are no fencing tokens for this role, and no strict mode',
      'As an owner: lockpool install --role ROLE. Locks alone need nothing.',
    )
  },

  names: ({ server: { may_name_keys } }) =>
    ok(
      may_name_keys
        ? 'names of keys are kept for lockpool ls'
        : 'names of keys are not kept, so lockpool ls shows numbers; lockpool install makes the table',
    ),

  ages: ({ server: { may_report } }) =>
    ok(
      may_report
        ? 'pools say since when they hold their locks, and which process does'
        : 'since when locks are held is not kept, so nobody else can tell; lockpool install makes the table',
    ),

  messages: ({ server: { may_read_secret, is_secret_public, has_schema, may_create_schema } }) => {
    if (is_secret_public)
      return warning(
        'everybody may read the secret under which processes tell each other things',
        'REVOKE ALL ON lockpool.secret FROM PUBLIC; DELETE FROM lockpool.secret; pools make another.',
      )
    if (may_read_secret) return ok('what processes tell each other nobody else can read, or say')
    if (may_create_schema)
      return ok('there is no secret for what processes tell each other yet; the first pool makes it')
    return warning(
      `this role does not know the secret under which processes tell each other things${has_schema ? '' : ', and there is none'}: deadlocks between processes are not found, and anybody can make them look for nothing`,
      'As an owner: lockpool install --role ROLE. Locks alone need nothing.',
    )
  },

  'lock table': ({ lockTable: { used, capacity }, server: { locks_per_transaction } }) => {
    const percent = Math.floor((used / capacity) * 100)
    const text = `${used} of ${capacity} entries in use`
    const rules = shareRules({ capacity, perSession: locks_per_transaction })
    const room = `${text}: room for ${rules.together} locks of all pools together, ${rules.alone} of one that is alone`
    const advice = `When it is full, everybody's statements fail. Raise max_locks_per_transaction (${locks_per_transaction}), which takes a restart.`
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
    if (left <= 0) return failure(text, 'Nobody else can connect. Close some, or raise max_connections.')
    return left < FEW_CONNECTIONS
      ? warning(text, 'A pool opens "max" (5) in each process. Close some, or raise max_connections.')
      : ok(text)
  },

  'idle transactions': ({ server: { settings } }) => {
    const ms = settings.idle_in_transaction_session_timeout ?? 0
    return ms === 0
      ? warning(
          'a transaction that is left open keeps its locks for ever',
          'Set idle_in_transaction_session_timeout for the database or the role, to 10min for example. Lock sessions have no transactions, and are not touched.',
        )
      : ok(`a transaction that is left open ends after ${durationInWords(ms)}`)
  },

  'idle sessions': ({ server: { settings } }) => {
    const ms = settings.idle_session_timeout ?? 0
    return ok(
      ms === 0
        ? 'no idle_session_timeout here; lock sessions bring their own'
        : `idle_session_timeout is ${durationInWords(ms)} here; lock sessions have their own`,
    )
  },

  statements: ({ server: { settings } }) => {
    const ms = settings.statement_timeout ?? 0
    if (ms === 0) return ok('no statement_timeout')
    const text = `statement_timeout is ${durationInWords(ms)}`
    return ms < 1000
      ? warning(text, 'Lock sessions switch it off for themselves, but what you borrow from the pool has it.')
      : ok(text)
  },

  keepalives: ({ server: { settings }, address }) => {
    const seconds = settings.tcp_keepalives_idle ?? 0
    if (address.isLocal || seconds > 0)
      return ok(seconds > 0 ? `the server probes silent clients after ${seconds} s` : 'no network in between')
    return ok('the server leaves them to its system (often two hours); lock sessions bring their own')
  },

  rights: ({ server: { may_terminate, may_see_all } }) => {
    const ends = may_terminate ? 'may end sessions of other roles' : 'may end sessions of its own role only'
    return may_see_all
      ? ok(`${ends}, and sees what all do`)
      : ok(`${ends}, and sees what those do; pg_read_all_stats and pg_signal_backend give more`)
  },

  encryption: ({ server: { is_encrypted }, address }) => {
    if (is_encrypted) return ok('TLS')
    return address.isLocal
      ? ok('no TLS, on this machine')
      : warning(
          'no TLS, over a network',
          'Add sslmode=verify-full to the URL. pg 8 takes "require" and "prefer" for verify-full too, unlike psql; uselibpqcompat=true gives the rules of psql.',
        )
  },

  clock: ({ clockOffsetMs }) => {
    const text = `the server's clock is ${durationInWords(Math.abs(clockOffsetMs))} ${clockOffsetMs < 0 ? 'behind' : 'ahead'}`
    return Math.abs(clockOffsetMs) < CLOCK_OFFSET_MS
      ? ok(text)
      : warning(
          text,
          'Locks and leases do not depend on it, but logs of both sides do not fit together. Look at NTP.',
        )
  },

  'round trip': ({ roundTripMs }) => {
    const locks = Math.round(1000 / (2 * roundTripMs))
    const text = `${roundTripMs.toFixed(2)} ms: one caller gets about ${locks} locks a second, a crowd shares each round trip`
    return roundTripMs < FAR_MS
      ? ok(text)
      : warning(
          text,
          'The server is far away. Callers who come together still share round trips; a loop that takes one lock after the other does not.',
        )
  },

  notifications: ({ notificationMs, server }) => {
    if (server.is_standby) return ok('a standby has none')
    if (notificationMs === null)
      return warning(
        'none came back within 2 s',
        'Callers who wait then ask every second or so, instead of being woken. Poolers often do not pass them on.',
      )
    const text = `one came back after ${notificationMs.toFixed(1)} ms`
    return notificationMs < SLOW_NOTIFICATION_MS
      ? ok(text)
      : warning(text, 'Those who wait for a lock are woken that late.')
  },
}

/** All checks, in order. */
export function examine(facts: DoctorFacts): Check[] {
  return Object.entries(CHECKS).map(([name, look]) => ({ name, ...look(facts) }))
}

/** What is wrong with the way to the server, by the error. */
export function explainUnreachable(code: string | undefined, message: string, source: string): Check {
  const advice = UNREACHABLE[code ?? ''] ?? 'Is the address right, and does the server let this host in?'
  return { name: 'connection', status: 'failure', text: `${message} (the address is from ${source})`, advice }
}

const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED:
    'Nobody listens there. Is the server running, and is the port right? "lockpool dev" starts one.',
  ENOTFOUND: 'There is no such host. Look at the name in the address.',
  EAI_AGAIN: 'Names can not be resolved at the moment. Look at DNS.',
  ETIMEDOUT: 'No answer. A firewall may be in between.',
  '28P01': 'The password is wrong. Set PGPASSWORD, or look at the address.',
  '28000': 'The server does not let this role in from here: pg_hba.conf, or TLS is missing.',
  '3D000': 'There is no such database: createdb makes one.',
  '53300': 'All connections are taken. Close some, or raise max_connections.',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'The certificate is not signed by anybody known. pg 8 verifies it with sslmode=require and prefer too: add sslrootcert, or uselibpqcompat=true for the rules of psql.',
  SELF_SIGNED_CERT_IN_CHAIN:
    'The certificate is signed by somebody unknown: add sslrootcert=FILE to the URL.',
}
