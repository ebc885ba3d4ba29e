import type { LockMode } from '../../dialect/lock-key.js'
import { durationInWords } from '../../inspect/durations-in-words.js'
import { durationText } from '../durations.js'

/** The steps of `lockpool run`, with the fields that `--json` shows next to `key`. Durations are milliseconds. */
export interface RunEvents {
  /** The lock is not free. `waitMs` is null without a limit. */
  waiting: { readonly mode: LockMode; readonly waitMs: number | null }
  /** The database can't be used at this moment, and the run still waits. */
  unreachable: { readonly reason: string; readonly waitMs: number }
  /** While waiting: who holds it, in words. */
  blocked: { readonly holders: readonly string[] }
  /** `permit` is there with `--permits` only. */
  acquired: {
    readonly mode: LockMode
    readonly token: string | null
    readonly waitedMs: number
    readonly permit?: number
  }
  /** The command's arguments are left out: they may contain secrets. */
  started: { readonly pid: number; readonly command: string }
  /** A signal for the command arrived. It was passed on, unless the terminal had sent it to the command as well. */
  signal: { readonly signal: NodeJS.Signals; readonly passedOn: boolean }
  ended: { readonly exitCode: number | null; readonly signal: NodeJS.Signals | null; readonly ranMs: number }
  released: { readonly heldMs: number }
  busy: { readonly reason: string; readonly exitCode: number }
  /** A signal ended the wait. */
  interrupted: { readonly signal: NodeJS.Signals; readonly exitCode: number }
  lost: { readonly heldMs: number; readonly reason: string }
  /** `--timeout` is over, and the command is being ended. */
  timeout: { readonly afterMs: number; readonly exitCode: number }
  /** The command did not end after SIGTERM. */
  killing: { readonly afterMs: number }
  /** Processes of the command that continue without the lock. */
  left: { readonly pids: readonly number[]; readonly reason: string }
  /** The release was not confirmed after the command had ended; the server frees the lock by itself. */
  unreleased: { readonly reason: string }
  warning: { readonly message: string }
  failed: { readonly code: string; readonly message: string; readonly exitCode: number }
}

export type RunEventName = keyof RunEvents

/** The text of an event for people, and when it is shown. `--verbose` shows all events. */
interface RunReport<E> {
  readonly shown: 'always' | 'on a terminal' | 'verbose'
  /** `lock` is the lock, in words. */
  readonly text: (event: E, lock: string) => string
}

export const RUN_REPORTS: { readonly [Name in RunEventName]: RunReport<RunEvents[Name]> } = {
  waiting: {
    shown: 'on a terminal',
    text: ({ waitMs }, lock) =>
      `waiting for ${lock}${waitMs === null ? '' : `, for at most ${durationText(waitMs)}`}`,
  },
  unreachable: {
    shown: 'on a terminal',
    text: ({ reason, waitMs }) =>
      `the database cannot be used, waiting for it for at most ${durationText(waitMs)}: ${reason}`,
  },
  blocked: {
    shown: 'on a terminal',
    text: ({ holders }, lock) => `${lock} is held by ${holders.join(', and by ')}`,
  },
  acquired: {
    shown: 'verbose',
    text: ({ mode, token, waitedMs, permit }, lock) => {
      const what = permit === undefined ? mode : `permit ${permit}`
      return `acquired ${lock} after ${durationInWords(waitedMs)} (${what}, ${token === null ? 'no token' : `token ${token}`})`
    },
  },
  started: { shown: 'verbose', text: ({ pid, command }) => `started ${command} as process ${pid}` },
  signal: {
    shown: 'verbose',
    text: ({ signal, passedOn }) =>
      passedOn
        ? `passed ${signal} on`
        : `${signal} came from the terminal, which sent it to the command as well`,
  },
  ended: {
    shown: 'verbose',
    text: ({ exitCode, signal, ranMs }) =>
      `the command ended ${signal === null ? `with ${exitCode}` : `by ${signal}`} after ${durationInWords(ranMs)}`,
  },
  released: {
    shown: 'verbose',
    text: ({ heldMs }, lock) => `released ${lock} after ${durationInWords(heldMs)}`,
  },
  busy: { shown: 'always', text: ({ reason }, lock) => `${lock} is busy: ${reason}` },
  interrupted: { shown: 'verbose', text: ({ signal }, lock) => `gave up waiting for ${lock}: ${signal}` },
  lost: {
    shown: 'always',
    text: ({ heldMs, reason }, lock) =>
      `${lock} was lost after ${durationInWords(heldMs)}: ${reason}; ending the command`,
  },
  timeout: {
    shown: 'always',
    text: ({ afterMs }) =>
      `the command is still running after ${durationText(afterMs)} (--timeout); ending it`,
  },
  killing: {
    shown: 'always',
    text: ({ afterMs }) => `still running ${durationText(afterMs)} after SIGTERM: sending SIGKILL`,
  },
  left: {
    shown: 'always',
    text: ({ pids, reason }) => `still running without the lock, ${reason}: ${pids.join(' ')}`,
  },
  unreleased: {
    shown: 'always',
    text: ({ reason }, lock) =>
      `the release of ${lock} was not confirmed, the server will free it: ${reason}`,
  },
  warning: { shown: 'verbose', text: ({ message }) => `warning: ${message}` },
  failed: { shown: 'always', text: ({ message }) => message },
}
