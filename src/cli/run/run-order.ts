import type { LockKey, LockMode } from '../../dialect/lock-key.js'
import type { Invocation } from '../command.js'
import { CONNECTION_FLAGS, connectionSource, namespaceOf, type ConnectionSource } from '../connection.js'
import { DURATION_IN_WORDS, parseDuration } from '../durations.js'
import { EXIT } from '../exit-codes.js'
import { countFlag, toggle, type Flag } from '../flags.js'
import { rawKey } from '../raw-key.js'
import { isMysql } from '../mysql/address.js'
import { UsageError } from '../usage-error.js'

const DEFAULT_KILL_AFTER_MS = 5000

function duration(words: Pick<Flag<number>, 'short' | 'meaning' | 'default'>): Flag<number> {
  return { ...words, value: 'DURATION', expects: DURATION_IN_WORDS, read: parseDuration }
}

const exitCode: Pick<Flag<number>, 'value' | 'expects' | 'read'> = {
  value: 'CODE',
  expects: 'an exit code from 0 to 255',
  read: (text) => (/^\d{1,3}$/.test(text) && Number(text) <= 255 ? Number(text) : null),
}

/** How the lock is kept. */
export type RunBackend = 'advisory' | 'named' | 'table'

const BACKENDS: readonly RunBackend[] = ['advisory', 'named', 'table']

export type RunFlags = typeof CONNECTION_FLAGS &
  Readonly<Record<'backend', Flag<RunBackend>>> &
  Readonly<
    Record<
      'wait' | 'timeout' | 'kill-after' | 'conflict-exit-code' | 'permits' | 'shared-slots',
      Flag<number>
    >
  > &
  Readonly<Record<'no-wait' | 'shared' | 'raw' | 'json' | 'verbose', Flag<true>>>

export const RUN_FLAGS: RunFlags = {
  wait: duration({
    meaning: 'give up after this long, also if the database is away; 0 is one attempt',
    default: 'no limit',
  }),
  'no-wait': toggle({ short: 'n', meaning: 'give up at once if the lock is not free' }),
  shared: toggle({ meaning: 'share the lock with other runs that use --shared' }),
  permits: countFlag({ meaning: 'take one of N permits of the semaphore KEY, instead of a lock' }, 1, 1000),
  timeout: duration({
    meaning: 'end the command after this long: SIGTERM, after --kill-after SIGKILL, exit code 124',
    default: 'no limit',
  }),
  raw: toggle({
    meaning:
      'KEY is a key of the server itself: 123 (bigint) or 12,34 (a pair), or in MariaDB and MySQL a name of GET_LOCK',
  }),
  'conflict-exit-code': {
    ...exitCode,
    short: 'E',
    meaning: 'exit with this code if the lock could not be acquired in time',
    default: String(EXIT.busy),
  },
  'kill-after': duration({
    meaning: 'time between SIGTERM and SIGKILL if the lock is lost or --timeout is over',
    default: '5s',
  }),
  ...CONNECTION_FLAGS,
  backend: {
    value: 'BACKEND',
    meaning: 'how locks are kept: advisory or table in PostgreSQL, named or table in MariaDB and MySQL',
    default: 'advisory, or named',
    expects: 'advisory, named or table',
    read: (text) => BACKENDS.find((each) => each === text) ?? null,
  },
  'shared-slots': countFlag(
    {
      meaning:
        'how many processes may share a lock with --backend named; the same for all pools and runs of the namespace',
    },
    1,
    64,
  ),
  json: toggle({ meaning: 'report each step as JSON on standard error, one object per line' }),
  verbose: toggle({ short: 'v', meaning: 'report each step on standard error' }),
}

/** What `lockpool run` was asked to do. */
export interface RunOrder {
  /** Each KEY as it was typed. */
  readonly names: readonly string[]
  readonly keys: readonly LockKey[]
  readonly isRaw: boolean
  readonly mode: LockMode
  /** How many permits the semaphore has; null for a lock. */
  readonly permits: number | null
  /** 0 is one attempt. Infinity waits forever. */
  readonly waitMs: number
  readonly killAfterMs: number
  /** How long the command may run. Infinity is no limit. */
  readonly timeoutMs: number
  readonly busyExitCode: number
  readonly connection: ConnectionSource | null
  readonly namespace: string
  /** Null means the default of the database. */
  readonly backend: RunBackend | null
  /** See the option `sharedSlots` of MariaDB and MySQL. Null means its default. */
  readonly sharedSlots: number | null
  readonly command: readonly string[]
  readonly isJson: boolean
  readonly isVerbose: boolean
}

/** @throws {UsageError} */
export function readOrder(
  { flags, args, rest }: Pick<Invocation<RunFlags>, 'flags' | 'args' | 'rest'>,
  env: Readonly<Record<string, string | undefined>>,
): RunOrder {
  const [name] = args
  if (name === undefined)
    throw new UsageError('run needs a KEY and a command: lockpool run KEY -- CMD ARGS...')
  if (rest === null) {
    const [, first = 'CMD'] = args
    throw new UsageError(`put the command after --: lockpool run ${name} -- ${first} ...`)
  }
  if (rest.length === 0) throw new UsageError('there is no command after --')
  if (rest[0] === '') throw new UsageError('the command after -- is empty')
  checkTogether(flags, args)
  const isRaw = flags.raw === true
  return {
    names: args,
    keys: args.map((each) => (isRaw ? rawKey(each, isMysql(flags.url)) : each)),
    isRaw,
    mode: flags.shared === true ? 'shared' : 'exclusive',
    permits: flags.permits ?? null,
    waitMs: flags['no-wait'] === true ? 0 : (flags.wait ?? Infinity),
    killAfterMs: flags['kill-after'] ?? DEFAULT_KILL_AFTER_MS,
    timeoutMs: flags.timeout ?? Infinity,
    busyExitCode: flags['conflict-exit-code'] ?? EXIT.busy,
    connection: connectionSource(flags.url, env),
    namespace: namespaceOf(flags.namespace, env),
    backend: flags.backend ?? null,
    sharedSlots: flags['shared-slots'] ?? null,
    command: rest,
    isJson: flags.json === true,
    isVerbose: flags.verbose === true,
  }
}

/** @throws {UsageError} some flags exclude each other */
function checkTogether(flags: Invocation<RunFlags>['flags'], names: readonly string[]): void {
  const exclude = (one: string, other: string): never => {
    throw new UsageError(`${one} and ${other} exclude each other`)
  }
  if (flags.wait !== undefined && flags['no-wait'] === true) exclude('--wait', '--no-wait')
  if (flags.permits !== undefined && flags.shared === true) exclude('--permits', '--shared')
  if (flags.permits !== undefined && names.length > 1) exclude('--permits', 'several keys')
  if (flags.timeout === 0) throw new UsageError('--timeout must be more than 0')
  const twice = names.find((name, i) => names.indexOf(name) < i)
  if (twice !== undefined) throw new UsageError(`KEY ${JSON.stringify(twice)} is given twice`)
}
