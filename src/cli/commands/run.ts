import { systemClock } from '../../base/clock.js'
import type { Command } from '../command.js'
import { CONNECTION_ENVIRONMENT, KEY_ENVIRONMENT } from '../connection.js'
import { exitRows } from '../exit-codes.js'
import { CHILD_ENVIRONMENT } from '../run/child-environment.js'
import { reporter } from '../run/reporter.js'
import { RUN_FLAGS, readOrder, type RunFlags } from '../run/run-order.js'
import { RunUnderLock } from '../run/run-under-lock.js'

export const command: Command<RunFlags> = {
  usage: 'KEY... [FLAGS] -- CMD ARGS...',
  description: [
    'Waits for the lock named KEY, runs CMD while holding it, and exits as CMD did. CMD starts only once the lock is held. It runs without a shell, with the standard streams of lockpool.',
    'With several keys it takes all of the locks or none, and cannot deadlock with other such runs. With --permits it takes one of N permits of a semaphore, so up to N runs work at once.',
    'With --wait it also waits for a database that is away, as in a failover. Without --wait it exits at once, with 69.',
    'If the lock is lost while CMD runs, because the database went away or ended the session, CMD and everything it has started get SIGTERM, after --kill-after SIGKILL, and the exit code is 76. With --timeout the same happens when the time is over, with the exit code 124.',
    'SIGINT, SIGTERM, SIGHUP and SIGQUIT are passed on to CMD and everything it has started, SIGUSR1 and SIGUSR2 to CMD alone. While lockpool waits for the lock, each of them ends the wait.',
    'The lock is held as long as lockpool runs and can reach the database. If lockpool is killed with SIGKILL, the lock is free at once, and CMD continues without it. If lockpool is stopped with SIGSTOP, the same happens after 15 seconds.',
  ],
  flags: RUN_FLAGS,
  environment: [
    ...CONNECTION_ENVIRONMENT,
    ...KEY_ENVIRONMENT,
    ...CHILD_ENVIRONMENT,
    ['NO_COLOR, FORCE_COLOR', 'no colors, or colors even if standard error is no terminal'],
  ],
  examples: [
    [
      'lockpool run nightly-report --no-wait -E 0 -- ./report.sh',
      'cron on many hosts: one of them runs it, the others exit with 0',
    ],
    [
      'lockpool run deploy --wait 10m -- npm run migrate',
      'deploy steps take turns; an error after ten minutes',
    ],
    ['lockpool run thumbnails --permits 4 -- ./convert.sh', 'at most four at a time, over all hosts'],
    ['lockpool run "account 1" "account 2" -- ./transfer.sh', 'both locks, or none'],
    ['lockpool run sync --timeout 30m -- ./sync.sh', 'a job that hangs must not keep the lock'],
    [
      'lockpool run catalog --shared -- ./export.sh',
      'many readers at once, but not while a run holds it exclusively',
    ],
    ["lockpool run job -v -- sh -c 'make && make install'", 'a pipeline needs a shell'],
  ],
  exitCodes: [
    ['0 to 255', 'the exit code of CMD'],
    [
      '128+n',
      'signal n ended CMD, or the wait for the lock (on a terminal lockpool ends by that signal too)',
    ],
    ...exitRows(
      'usage',
      'unavailable',
      'busy',
      'lost',
      'config',
      'timedOut',
      'internal',
      'cannotExecute',
      'notFound',
    ),
  ],
  async run({ flags, args, rest, terminal }) {
    const order = readOrder({ flags, args, rest }, process.env)
    const report = reporter(terminal.err, systemClock, order)
    // Node.js would print deprecation warnings of the driver.
    process.removeAllListeners('warning')
    process.on('warning', ({ message }) => report('warning', { message }))
    return new RunUnderLock(order, report, systemClock, terminal).go()
  },
}
