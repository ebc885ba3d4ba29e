import type { FlagTable, FlagValues } from './flags.js'
import type { HelpRow } from './help-row.js'
import type { Terminal } from './terminal.js'

/** How this process ends: with an exit code, or by a signal it sends to itself, so that its parent sees that signal. */
export type ExitStatus = number | NodeJS.Signals

/** The arguments of a command. */
export interface Invocation<F extends FlagTable> {
  readonly flags: FlagValues<F>
  /** Before `--`, without the flags. */
  readonly args: readonly string[]
  /** Everything after the first `--`, unchanged; null if there was none. */
  readonly rest: readonly string[] | null
  readonly terminal: Terminal
}

/** The export `command` of a file in `commands/`. Its help is printed from these tables. */
export interface Command<F extends FlagTable = FlagTable> {
  /** The command line after the name of the command. */
  readonly usage: string
  /** What it does and promises, as paragraphs. */
  readonly description: readonly string[]
  readonly flags: F
  readonly environment: readonly HelpRow[]
  /** Command lines, and when to use them. */
  readonly examples: readonly HelpRow[]
  readonly exitCodes: readonly HelpRow[]
  /** @throws {UsageError} before anything has been done */
  run(invocation: Invocation<F>): Promise<ExitStatus>
}
