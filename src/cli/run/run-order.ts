import type { LockKey, LockMode } from '../../dialect/lock-key.js'
import type { Invocation } from '../command.js'
import { CONNECTION_FLAGS, connectionSource, type ConnectionSource } from '../connection.js'
import { DURATION_IN_WORDS, parseDuration } from '../durations.js'
import { EXIT } from '../exit-codes.js'
import { toggle, type Flag } from '../flags.js'
import { rawKey } from '../raw-key.js'
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

export type RunFlags = typeof CONNECTION_FLAGS &
  Readonly<Record<'wait' | 'kill-after' | 'conflict-exit-code', Flag<number>>> &
  Readonly<Record<'no-wait' | 'shared' | 'raw' | 'json' | 'verbose', Flag<true>>>

export const RUN_FLAGS: RunFlags = {
  wait: duration({ meaning: 'give up after this long; 0 is one attempt', default: 'wait without end' }),
  'no-wait': toggle({ short: 'n', meaning: 'give up at once if the lock is not free' }),
  shared: toggle({ meaning: 'share the lock with others who ask for it shared' }),
  raw: toggle({ meaning: 'KEY is an advisory key of PostgreSQL itself: 123 (bigint), or 12,34 (a pair)' }),
  'conflict-exit-code': {
    ...exitCode,
    short: 'E',
    meaning: 'exit with this code if the lock was not to be had in time',
    default: String(EXIT.busy),
  },
  'kill-after': duration({
    meaning: 'if the lock is lost: how long the command may take to end, between SIGTERM and SIGKILL',
    default: '5s',
  }),
  ...CONNECTION_FLAGS,
  json: toggle({ meaning: 'tell what happens as JSON on standard error, one object a line' }),
  verbose: toggle({ short: 'v', meaning: 'tell what happens on standard error' }),
}

/** What `lockpool run` was asked to do. */
export interface RunOrder {
  /** KEY as it was typed. */
  readonly name: string
  readonly key: LockKey
  readonly mode: LockMode
  /** 0 is one attempt, Infinity waits for ever. */
  readonly waitMs: number
  readonly killAfterMs: number
  readonly busyExitCode: number
  readonly connection: ConnectionSource | null
  readonly namespace: string
  readonly command: readonly string[]
  readonly isJson: boolean
  readonly isVerbose: boolean
}

/** @throws {UsageError} */
export function readOrder(
  { flags, args, rest }: Pick<Invocation<RunFlags>, 'flags' | 'args' | 'rest'>,
  env: Readonly<Record<string, string | undefined>>,
): RunOrder {
  const [name, ...more] = args
  if (name === undefined)
    throw new UsageError('run needs a KEY and a command: lockpool run KEY -- CMD ARGS...')
  if (more.length > 0 || rest === null) {
    throw new UsageError(`the command stands behind --: lockpool run ${name} -- ${more[0] ?? 'CMD'} ...`)
  }
  if (rest.length === 0) throw new UsageError('there is no command behind --')
  if (rest[0] === '') throw new UsageError('the command behind -- is empty')
  if (flags.wait !== undefined && flags['no-wait'] === true) {
    throw new UsageError('--wait and --no-wait exclude each other')
  }
  return {
    name,
    key: flags.raw === true ? rawKey(name) : name,
    mode: flags.shared === true ? 'shared' : 'exclusive',
    waitMs: flags['no-wait'] === true ? 0 : (flags.wait ?? Infinity),
    killAfterMs: flags['kill-after'] ?? DEFAULT_KILL_AFTER_MS,
    busyExitCode: flags['conflict-exit-code'] ?? EXIT.busy,
    connection: connectionSource(flags.url, env),
    namespace: flags.namespace ?? '',
    command: rest,
    isJson: flags.json === true,
    isVerbose: flags.verbose === true,
  }
}
