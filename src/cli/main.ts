#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { systemClock } from '../base/clock.js'
import { printable, printableLines } from '../base/printable.js'
import { COMMANDS } from './command-table.js'
import type { ExitStatus } from './command.js'
import { EXIT } from './exit-codes.js'
import { HELP_FLAG, parseFlags } from './flags.js'
import { commandHelp, overview } from './help.js'
import { didYouMean } from './nearest.js'
import { systemTerminal, type Terminal } from './terminal.js'
import { UsageError } from './usage-error.js'

/**
 * The time limit for ending this process by a signal. Process 1 of a container cannot be ended like that, and exits instead.
 */
const SIGNAL_LIMIT_MS = 100

async function dispatch(argv: readonly string[], terminal: Terminal): Promise<ExitStatus> {
  const [name, ...args] = argv
  if (name === undefined) {
    terminal.err.write(overview(terminal.err))
    return EXIT.usage
  }
  if (name === '-h' || name === '--help' || name === 'help') {
    if (name === 'help' && args.length > 0) return dispatch([args[0]!, '--help'], terminal)
    terminal.out.write(overview(terminal.out))
    return EXIT.ok
  }
  if (name === '-V' || name === '--version') {
    terminal.out.write(`${version()}\n`)
    return EXIT.ok
  }
  return runCommand(name, args, terminal)
}

async function runCommand(name: string, argv: readonly string[], terminal: Terminal): Promise<ExitStatus> {
  const row = COMMANDS.find((each) => each.name === name)
  if (row === undefined) {
    const isFlag = name.startsWith('-')
    const names = isFlag ? ['--help', '--version'] : COMMANDS.map((each) => each.name)
    throw new UsageError(`unknown ${isFlag ? 'flag' : 'command'} ${name}${didYouMean(name, names)}`)
  }
  const loaded = await row.load()
  const command = { ...loaded, flags: { ...loaded.flags, ...HELP_FLAG } }
  // Arguments after `--` belong to another program, and are not parsed.
  const split = argv.indexOf('--')
  const { flags, args } = parseFlags(command.flags, split < 0 ? argv : argv.slice(0, split))
  if (flags['help'] === true) {
    terminal.out.write(commandHelp(name, command, terminal.out))
    return EXIT.ok
  }
  return loaded.run({ flags, args, rest: split < 0 ? null : argv.slice(split + 1), terminal })
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

/** A wrong command line gets a message and a hint. Any other error is a bug, and is shown with its stack. */
function explain(error: unknown, [name]: readonly string[], { err }: Terminal): number {
  if (error instanceof UsageError) {
    const isCommand = COMMANDS.some((each) => each.name === name)
    const help = isCommand ? `lockpool ${name} --help` : 'lockpool --help'
    err.write(`lockpool: ${printable(error.message)}\nlockpool: see ${help}\n`)
    return EXIT.usage
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  err.write(`lockpool: ${printableLines(text)}\n`)
  return EXIT.internal
}

function end(status: ExitStatus): void {
  if (typeof status === 'number') process.exit(status)
  process.removeAllListeners(status)
  process.kill(process.pid, status)
  systemClock.after(SIGNAL_LIMIT_MS, () => process.exit(128 + constants.signals[status]))
}

const argv = process.argv.slice(2)
const terminal = systemTerminal(process.env)
process.on('uncaughtException', (error) => {
  // A command that must clean up first has another listener.
  if (process.listenerCount('uncaughtException') === 1) process.exit(explain(error, argv, terminal))
})
dispatch(argv, terminal).then(end, (error: unknown) => end(explain(error, argv, terminal)))
