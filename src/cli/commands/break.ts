import type { Command } from '../command.js'
import { CONNECTION_ENVIRONMENT, CONNECTION_FLAGS, KEY_ENVIRONMENT, namespaceOf } from '../connection.js'
import { exitRows } from '../exit-codes.js'
import { DURATION_IN_WORDS, parseDuration } from '../durations.js'
import { textFlag, toggle, type Flag, type FlagValues } from '../flags.js'
import type { AskOrder } from '../inspect/break-order.js'
import { NOTHING_ENDED } from '../inspect/end-holders.js'
import {
  coderOf,
  KEY_FLAGS,
  locksOfSession,
  wantedLocks,
  type KeyFlags,
  type WantedLocks,
} from '../inspect/key-argument.js'
import type { KeyCoder } from '../inspect/key-coder.js'
import { refuseInMysql } from '../mysql/address.js'
import { COLOR_ENVIRONMENT } from '../terminal.js'
import { UsageError } from '../usage-error.js'

type BreakFlags = Pick<typeof CONNECTION_FLAGS, 'url'> &
  Omit<KeyFlags, 'table'> &
  Readonly<Record<'pid', Flag<number>>> &
  Readonly<Record<'wait', Flag<number>>> &
  Readonly<Record<'reason', Flag<string>>> &
  Readonly<Record<'ask' | 'force' | 'yes' | 'json', Flag<true>>>

const DEFAULT_WAIT_MS = 10_000

const { namespace, raw, semaphore } = KEY_FLAGS

const FLAGS: BreakFlags = {
  url: CONNECTION_FLAGS.url,
  namespace,
  raw,
  semaphore,
  pid: {
    value: 'N',
    meaning: 'only the session with this backend pid; without KEY, whatever it holds',
    expects: 'a whole number above 0',
    read: (text) => {
      const pid = /^\d{1,16}$/.test(text) ? Number(text) : 0
      // The id of a lock session of locks in rows has up to 53 bits.
      return pid > 0 && Number.isSafeInteger(pid) ? pid : null
    },
  },
  ask: toggle({ meaning: 'ask the holders to release it, and end nothing' }),
  reason: textFlag('TEXT', { meaning: 'with --ask: why, for the holders' }),
  wait: {
    value: 'DURATION',
    meaning: 'with --ask: how long they have to release it',
    default: '10s',
    expects: DURATION_IN_WORDS,
    read: parseDuration,
  },
  force: toggle({ meaning: 'with --ask: end the sessions that still hold it after that' }),
  yes: toggle({ short: 'y', meaning: 'do not ask for confirmation' }),
  json: toggle({ meaning: 'print one JSON object; with --yes or --ask only' }),
}

export const command: Command<BreakFlags> = {
  usage: 'KEY [FLAGS] | --pid N [FLAGS]',
  description: [
    'Takes a lock away from its holder by ending the session that holds it. First it shows the session, and all other locks that are lost with it: lockpool keeps many locks on one session.',
    'With --ask it first asks the holders: their lock.requested aborts, their pool emits lock:requested, and a program that can stop early releases that one lock. A process reads a request within about a second, once it has held the lock for two. This needs PostgreSQL, and the table that lockpool install creates.',
    'This does not stop the program that held the lock. lockpool reports the loss to its callers, and the next waiter gets the lock at once. Fencing tokens refuse what the old holder still writes; nothing else does.',
    'The role must be a superuser, the same role as the holder, or a member of pg_signal_backend.',
  ],
  flags: FLAGS,
  environment: [...CONNECTION_ENVIRONMENT, ...KEY_ENVIRONMENT, ...COLOR_ENVIRONMENT],
  examples: [
    ["lockpool break 'nightly report'", 'the process hangs, and its lock is needed'],
    ["lockpool break 'nightly report' --ask --wait 30s --force", 'ask first; after 30 s end the session'],
    ['lockpool break --raw 42 --yes', 'without confirmation, in a script'],
    ['lockpool break --semaphore pdf --pid 4711', 'one of several holders'],
    ['lockpool break --pid 4711', 'the session that a finding of lockpool ls names'],
  ],
  exitCodes: [
    ['0', 'the holders are gone, or have released it'],
    [
      String(NOTHING_ENDED),
      'nothing was ended: the lock is free, the answer was no, or a holder that was asked keeps it',
    ],
    ...exitRows('usage', 'unavailable', 'config', 'internal'),
  ],
  async run({ flags, args, rest, terminal }) {
    refuseInMysql(flags.url, flags, 'ask')
    const wanted = readWanted(flags, args, rest, await coderOf(flags.url))
    const ask = readAsk(flags, args)
    const isSure = flags.yes === true || ask !== null
    if (!isSure && (flags.json === true || !terminal.isInteractive))
      throw new UsageError(
        'cannot ask for confirmation without a terminal: pass --yes; "lockpool who" shows the session',
      )
    const order = {
      wanted,
      pid: flags.pid ?? null,
      isSure,
      isJson: flags.json === true,
      ask,
    }
    const { endHolders } = await import('../inspect/end-holders.js')
    const { withInspector } = await import('../inspect/with-inspector.js')
    const address = { url: flags.url, applicationName: 'lockpool break' }
    return withInspector(address, terminal, (watch) => endHolders(watch, order, terminal))
  },
}

/** Null without --ask. @throws {UsageError} */
function readAsk(flags: FlagValues<BreakFlags>, args: readonly string[]): AskOrder | null {
  if (flags.ask !== true) {
    const stray = (['reason', 'wait', 'force'] as const).find((name) => flags[name] !== undefined)
    if (stray !== undefined) throw new UsageError(`--${stray} needs --ask`)
    return null
  }
  if (args.length === 0) throw new UsageError('--ask needs a KEY: holders are asked for one lock')
  if (flags.yes === true) throw new UsageError('--yes and --ask exclude each other: see --force')
  return {
    reason: flags.reason ?? null,
    waitMs: flags.wait ?? DEFAULT_WAIT_MS,
    isForced: flags.force === true,
  }
}

/** @throws {UsageError} */
function readWanted(
  flags: FlagValues<BreakFlags>,
  args: readonly string[],
  rest: readonly string[] | null,
  coder: KeyCoder,
): WantedLocks {
  const [text, ...more] = args
  if (more.length > 0 || rest !== null) throw new UsageError('break takes one KEY: lockpool break KEY')
  if (text !== undefined)
    return wantedLocks(text, { ...flags, namespace: namespaceOf(flags.namespace, process.env) }, coder)
  if (flags.pid === undefined) throw new UsageError('break needs a KEY or --pid: lockpool break KEY')
  const stray = (['namespace', 'raw', 'semaphore'] as const).find((name) => flags[name] !== undefined)
  if (stray !== undefined) throw new UsageError(`--${stray} needs a KEY`)
  return locksOfSession(flags.pid)
}
