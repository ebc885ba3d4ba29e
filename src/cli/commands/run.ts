import { systemClock } from '../../base/clock.js'
import type { Command } from '../command.js'
import { CONNECTION_ENVIRONMENT } from '../connection.js'
import { exitRows } from '../exit-codes.js'
import { CHILD_ENVIRONMENT } from '../run/child-environment.js'
import { reporter } from '../run/reporter.js'
import { RUN_FLAGS, readOrder, type RunFlags } from '../run/run-order.js'
import { RunUnderLock } from '../run/run-under-lock.js'

export const command: Command<RunFlags> = {
  usage: 'KEY [FLAGS] -- CMD ARGS...',
  description: [
    'Waits for the lock named KEY, runs CMD while holding it, and exits as CMD did. Nothing is started before the lock is held. CMD is started without a shell, with our standard streams.',
    'If the lock is lost while CMD runs, because the database went away or ended our session, CMD and everything it has started get SIGTERM, after --kill-after SIGKILL, and the exit code is 76.',
    'SIGINT, SIGTERM, SIGHUP and SIGQUIT are passed on to CMD and everything it has started, SIGUSR1 and SIGUSR2 to CMD alone. While still waiting for the lock, each of them ends the wait.',
    'The lock is held as long as this process lives and can talk to the database. If it is ended with SIGKILL, the lock is free at once, and CMD runs on without it; stopped with SIGSTOP, the same after 15 seconds.',
  ],
  flags: RUN_FLAGS,
  environment: [
    ...CONNECTION_ENVIRONMENT,
    ...CHILD_ENVIRONMENT,
    ['NO_COLOR, FORCE_COLOR', 'no colors, or colors even if standard error is no terminal'],
  ],
  examples: [
    [
      'lockpool run nightly-report --no-wait -E 0 -- ./report.sh',
      'cron on many hosts: one of them does it, the others are content',
    ],
    [
      'lockpool run deploy --wait 10m -- npm run migrate',
      'a deploy step: one after the other, and an error after ten minutes',
    ],
    [
      'lockpool run catalog --shared -- ./export.sh',
      'many readers at once, but none while somebody holds it exclusively',
    ],
    ["lockpool run job -v -- sh -c 'make && make install'", 'a pipeline needs a shell'],
  ],
  exitCodes: [
    ['0 to 255', 'whatever CMD exits with'],
    ['128+n', 'signal n ended CMD, or the wait for the lock (on a terminal we end by that signal too)'],
    ...exitRows('usage', 'unavailable', 'busy', 'lost', 'config', 'internal', 'cannotExecute', 'notFound'),
  ],
  async run({ flags, args, rest, terminal }) {
    const order = readOrder({ flags, args, rest }, process.env)
    const report = reporter(terminal.err, systemClock, order)
    // Notes of the driver about itself, which Node would print.
    process.removeAllListeners('warning')
    process.on('warning', ({ message }) => report('warning', { message }))
    return new RunUnderLock(order, report, systemClock, terminal.isInteractive).go()
  },
}
