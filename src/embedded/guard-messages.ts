import type { SystemAccount } from './system-account.js'

/** A program for the guard to run. It runs one at a time. */
export interface ProgramRequest {
  readonly file: string
  readonly arguments: readonly string[]
  readonly environment: NodeJS.ProcessEnv
  readonly workingDirectory: string
  /** Its output is appended here. */
  readonly outputFile: string
  /** Null: as the guard itself. */
  readonly account: SystemAccount | null
}

/** Requests to the guard. There is no request to end: the end of the channel is that, also when the owner dies. */
export type GuardRequest =
  | { readonly do: 'run'; readonly program: ProgramRequest }
  | { readonly do: 'signal'; readonly signal: NodeJS.Signals }

/** How a program ended. One that could not even be started counts as ended. */
export interface ProgramEnd {
  readonly isSuccess: boolean
  /** In words. */
  readonly how: string
}

export type GuardReport =
  { readonly is: 'running'; readonly processId: number } | { readonly is: 'ended'; readonly end: ProgramEnd }
