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

/** Signals that are closer together count as one. */
const ONE_KEY_MS = 500

/** Thrown when the demo is interrupted. */
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
    'Transfers money between the accounts of a ledger, with many tasks in several processes at once: first without locks, which loses money, then with lockpool, which loses none although one process is killed in the middle.',
    'Starts a temporary PostgreSQL. With --url it uses that database instead: it creates a schema with a unique name there and drops it at the end. The schema lockpool, which all pools in that database share, stays.',
  ],
  flags: DEMO_FLAGS,
  environment: [...COLOR_ENVIRONMENT],
  examples: [
    ['lockpool demo', 'about 15 seconds, on a temporary server'],
    [
      'lockpool demo --url postgres://me@db/test --processes 8 --tasks 1000',
      'on your server, with more tasks',
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
      if (isWithoutServer(error))
        terminal.err.write('lockpool: or pass the address of your PostgreSQL with --url\n')
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
  view.say('\nNext: the first sample in README.md, or lockpool run --help')
  return status
}

/** The first signal cleans everything up, which needs a server that answers. The second one ends at once. */
function interrupted(): Promise<never> {
  const desk = new SignalDesk()
  return new Promise((_, reject) => {
    desk.handler = (signal) => {
      const since = systemClock.now()
      reject(new Interruption(signal))
      desk.handler = (again) => {
        // npm passes on a signal that the terminal has also sent to this process: the user pressed the key only once.
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
