import { systemClock } from '../../base/clock.js'
import { jsonLine } from '../../base/printable.js'
import type { Command, ExitStatus } from '../command.js'
import { DEMO_FLAGS, readDemoOrder, type DemoFlags } from '../demo/demo-order.js'
import { DemoView, summaryLines, verdictLines } from '../demo/demo-view.js'
import { brokenPromises } from '../demo/outcome.js'
import { Demo } from '../demo/run-demo.js'
import { EXIT, exitRows } from '../exit-codes.js'
import { exitCodeOfSignal, SignalDesk } from '../run/signals.js'
import { explainFailure } from '../server.js'
import { COLOR_ENVIRONMENT, type Terminal } from '../terminal.js'

/** Signals that are closer together are one. */
const ONE_KEY_MS = 500

/** Thrown into the middle of the demo when somebody has seen enough. */
class Interruption extends Error {
  readonly signal: NodeJS.Signals

  constructor(signal: NodeJS.Signals) {
    super(signal)
    this.signal = signal
  }
}

export const command: Command<DemoFlags> = {
  usage: '[FLAGS]',
  description: [
    'Moves money between the accounts of a ledger, with many tasks in several processes at once: first without locks, and money is lost; then with lockpool, and none is, although one process is killed in the middle.',
    'Starts a PostgreSQL of its own. With --url it uses that database instead: it makes a schema with a name of its own there and drops it at the end. The schema lockpool, which all users of lockpool in that database share, stays.',
  ],
  flags: DEMO_FLAGS,
  environment: [...COLOR_ENVIRONMENT],
  examples: [
    ['lockpool demo', 'a quarter of a minute, on a server of its own'],
    [
      'lockpool demo --url postgres://me@db/test --processes 8 --tasks 1000',
      'on yours, and with a larger crowd',
    ],
    ['lockpool demo --json', 'for a program to read'],
  ],
  exitCodes: exitRows('ok', 'broken', 'usage', 'unavailable', 'config', 'internal'),
  async run({ flags, args, terminal }) {
    const order = readDemoOrder(flags, args)
    const view = new DemoView(order.isJson ? SILENT : terminal.out)
    const demo = new Demo(order, view)
    try {
      return await Promise.race([show(demo, view, terminal, order.isJson), interrupted()])
    } catch (error) {
      if (error instanceof Interruption) return exitCodeOfSignal(error.signal)
      const status = await explainFailure(error, terminal)
      if (isWithoutServer(error)) terminal.err.write('lockpool: or name a PostgreSQL of yours with --url\n')
      return status
    } finally {
      await demo.cleanUp()
    }
  },
}

async function show(demo: Demo, view: DemoView, terminal: Terminal, isJson: boolean): Promise<ExitStatus> {
  view.say(terminal.out.paint('bold', 'lockpool demo'))
  const outcome = await demo.run()
  const broken = brokenPromises(outcome)
  const status = broken.length === 0 ? EXIT.ok : EXIT.broken
  if (isJson) {
    terminal.out.write(`${jsonLine({ ...outcome, broken, exitCode: status })}\n`)
    return status
  }
  view.heading('What happened')
  for (const line of summaryLines(outcome, terminal.out)) view.say(line)
  view.say('')
  for (const line of verdictLines(outcome, terminal.out)) view.say(line)
  view.say('\nNext: lockpool run --help, or the fifteen lines in README.md')
  return status
}

/** At the first signal everything is cleaned up, which takes a server that answers; at the second there is no waiting. */
function interrupted(): Promise<never> {
  const desk = new SignalDesk()
  return new Promise((_, reject) => {
    desk.handler = (signal) => {
      const since = systemClock.now()
      reject(new Interruption(signal))
      desk.handler = (again) => {
        // npm passes on what the terminal has sent to us as well: that is one key, pressed once.
        if (systemClock.now() - since > ONE_KEY_MS) process.exit(exitCodeOfSignal(again))
      }
    }
  })
}

function isWithoutServer(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return code === 'BINARIES_MISSING' || code === 'PLATFORM_UNSUPPORTED'
}

const SILENT = { isTerminal: false, write: (): void => undefined, paint: (_: unknown, text: string) => text }
