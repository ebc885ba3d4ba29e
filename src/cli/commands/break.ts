import type { Command } from '../command.js'
import { CONNECTION_ENVIRONMENT, CONNECTION_FLAGS } from '../connection.js'
import { exitRows } from '../exit-codes.js'
import { countFlag, toggle, type Flag } from '../flags.js'
import { NOTHING_ENDED } from '../inspect/end-holders.js'
import { KEY_FLAGS, wantedLocks, type KeyFlags } from '../inspect/key-argument.js'
import { COLOR_ENVIRONMENT } from '../terminal.js'
import { UsageError } from '../usage-error.js'

type BreakFlags = Pick<typeof CONNECTION_FLAGS, 'url'> &
  Omit<KeyFlags, 'table'> &
  Readonly<Record<'pid', Flag<number>>> &
  Readonly<Record<'yes' | 'json', Flag<true>>>

const { namespace, raw, semaphore } = KEY_FLAGS

const FLAGS: BreakFlags = {
  url: CONNECTION_FLAGS.url,
  namespace,
  raw,
  semaphore,
  pid: countFlag(
    { meaning: 'of several holders only this one, by the process id of its session' },
    1,
    9_999_999,
  ),
  yes: toggle({ short: 'y', meaning: 'do it without asking' }),
  json: toggle({ meaning: 'print one JSON object; with --yes only' }),
}

export const command: Command<BreakFlags> = {
  usage: 'KEY [FLAGS]',
  description: [
    'Takes a lock away from its holder, by ending the session that holds it. First it shows who that is, and what else goes with it: a lockpool keeps many locks on one session, and loses them all.',
    'The holder is not stopped by that. A lockpool tells its callers that their locks are lost, and the next who waits has the lock at once. What the holder still does then is kept out by fencing tokens, or not at all.',
    'It takes a superuser, the role of the holder, or a member of pg_signal_backend.',
  ],
  flags: FLAGS,
  environment: [...CONNECTION_ENVIRONMENT, ...COLOR_ENVIRONMENT],
  examples: [
    ["lockpool break 'nightly report'", 'the process hangs, and its lock is needed'],
    ['lockpool break --raw 42 --yes', 'without asking, in a script'],
    ['lockpool break --semaphore pdf --pid 4711', 'one of several holders'],
  ],
  exitCodes: [
    ['0', 'the holders are gone'],
    [String(NOTHING_ENDED), 'nothing was ended: nobody holds it, or the answer was no'],
    ...exitRows('usage', 'unavailable', 'config', 'internal'),
  ],
  async run({ flags, args, rest, terminal }) {
    const [text, ...more] = args
    if (text === undefined || more.length > 0 || rest !== null)
      throw new UsageError('break needs one KEY: lockpool break KEY')
    const isSure = flags.yes === true
    if (!isSure && (flags.json === true || !terminal.isInteractive))
      throw new UsageError(
        'there is no terminal to ask for confirmation: say --yes; "lockpool who" shows who would be hit',
      )
    const order = {
      wanted: wantedLocks(text, flags),
      pid: flags.pid ?? null,
      isSure,
      isJson: flags.json === true,
    }
    const { endHolders } = await import('../inspect/end-holders.js')
    const { withWatch } = await import('../inspect/server-watch.js')
    const address = { url: flags.url, applicationName: 'lockpool break' }
    return withWatch(address, terminal, (watch) => endHolders(watch, order, terminal))
  },
}
