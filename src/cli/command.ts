import type { FlagTable, FlagValues } from './flags.js'
import type { Terminal } from './terminal.js'

/** How this process ends: with an exit code, or by a signal it sends to itself, so that its parent sees that signal. */
export type ExitStatus = number | NodeJS.Signals

/** A line of help: a term, and what it means. */
export type HelpRow = readonly [term: string, meaning: string]

/** What a command is given. */
export interface Invocation<F extends FlagTable> {
  readonly flags: FlagValues<F>
  /** Before `--`, without the flags. */
  readonly args: readonly string[]
  /** Behind the first `--`, untouched; null if there was none. */
  readonly rest: readonly string[] | null
  readonly terminal: Terminal
}

/** What a file in `commands/` exports as `command`. Its help is printed from these tables. */
export interface Command<F extends FlagTable = FlagTable> {
  /** What comes after the name of the command. */
  readonly usage: string
  /** What it does and promises: a paragraph each. */
  readonly description: readonly string[]
  readonly flags: F
  readonly environment: readonly HelpRow[]
  /** What one would type, and when. */
  readonly examples: readonly HelpRow[]
  readonly exitCodes: readonly HelpRow[]
  /** @throws {UsageError} before anything has been done */
  run(invocation: Invocation<F>): Promise<ExitStatus>
}
