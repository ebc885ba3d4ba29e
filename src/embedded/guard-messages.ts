import type { SystemAccount } from './system-account.js'

/** A program for the guard to run. It runs one at a time. */
export interface ProgramRequest {
  readonly file: string
  readonly arguments: readonly string[]
  readonly environment: NodeJS.ProcessEnv
  readonly workingDirectory: string
  /** Its output is appended here. */
  readonly outputFile: string
  /** Null: the account of the guard itself. */
  readonly account: SystemAccount | null
}

/** Requests to the guard. There is no request to end: the guard ends when the channel ends, also when its owner dies. */
export type GuardRequest =
  | { readonly do: 'run'; readonly program: ProgramRequest }
  | { readonly do: 'signal'; readonly signal: NodeJS.Signals }

/** How a program ended. A program that could not be started counts as ended. */
export interface ProgramEnd {
  readonly isSuccess: boolean
  /** The exit code or the signal, in words. */
  readonly how: string
}

export type GuardReport =
  { readonly is: 'running'; readonly processId: number } | { readonly is: 'ended'; readonly end: ProgramEnd }
