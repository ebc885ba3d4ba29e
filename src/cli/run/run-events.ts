import type { LockMode } from '../../dialect/lock-key.js'
import { durationInWords } from '../../inspect/durations-in-words.js'
import { durationText } from '../durations.js'

/** What happens during `lockpool run`, in the fields that `--json` shows beside `key`. Durations are milliseconds. */
export interface RunEvents {
  /** Somebody else has the lock. `waitMs` is null without a limit. */
  waiting: { readonly mode: LockMode; readonly waitMs: number | null }
  acquired: { readonly mode: LockMode; readonly token: string | null; readonly waitedMs: number }
  /** Its arguments are left out: they may hold secrets. */
  started: { readonly pid: number; readonly command: string }
  /** A signal has come for the command, which was given it unless it had it already, from the terminal. */
  signal: { readonly signal: NodeJS.Signals; readonly passedOn: boolean }
  ended: { readonly exitCode: number | null; readonly signal: NodeJS.Signals | null; readonly ranMs: number }
  released: { readonly heldMs: number }
  busy: { readonly reason: string; readonly exitCode: number }
  /** A signal came before the lock did. */
  interrupted: { readonly signal: NodeJS.Signals; readonly exitCode: number }
  lost: { readonly heldMs: number; readonly reason: string }
  /** The lock is lost, and the command has not ended when it was told to. */
  killing: { readonly afterMs: number }
  /** Processes of the command that go on without the lock. */
  left: { readonly pids: readonly number[]; readonly reason: string }
  /** The command had ended before; the server frees the lock by itself. */
  unreleased: { readonly reason: string }
  warning: { readonly message: string }
  failed: { readonly code: string; readonly message: string; readonly exitCode: number }
}

export type RunEventName = keyof RunEvents

/** How an event is told to people, and whether to everybody or only to those who ask with `-v`. */
interface Telling<E> {
  readonly isLoud: boolean
  /** `lock` is the lock, in words. */
  readonly text: (event: E, lock: string) => string
}

export const TELLINGS: { readonly [Name in RunEventName]: Telling<RunEvents[Name]> } = {
  waiting: {
    isLoud: false,
    text: ({ waitMs }, lock) =>
      `waiting for ${lock}, ${waitMs === null ? 'however long it takes' : `${durationText(waitMs)} at most`}`,
  },
  acquired: {
    isLoud: false,
    text: ({ mode, token, waitedMs }, lock) =>
      `acquired ${lock} after ${durationInWords(waitedMs)} (${mode}, ${token === null ? 'no token' : `token ${token}`})`,
  },
  started: { isLoud: false, text: ({ pid, command }) => `started ${command} as process ${pid}` },
  signal: {
    isLoud: false,
    text: ({ signal, passedOn }) =>
      passedOn ? `passed ${signal} on` : `${signal} came from the terminal, to the command as well`,
  },
  ended: {
    isLoud: false,
    text: ({ exitCode, signal, ranMs }) =>
      `the command ended ${signal === null ? `with ${exitCode}` : `by ${signal}`} after ${durationInWords(ranMs)}`,
  },
  released: {
    isLoud: false,
    text: ({ heldMs }, lock) => `released ${lock} after ${durationInWords(heldMs)}`,
  },
  busy: { isLoud: true, text: ({ reason }, lock) => `${lock} is busy: ${reason}` },
  interrupted: { isLoud: false, text: ({ signal }, lock) => `gave up waiting for ${lock}: ${signal}` },
  lost: {
    isLoud: true,
    text: ({ heldMs, reason }, lock) =>
      `${lock} was lost after ${durationInWords(heldMs)}: ${reason}; ending the command`,
  },
  killing: {
    isLoud: true,
    text: ({ afterMs }) => `still running ${durationText(afterMs)} after SIGTERM: sending SIGKILL`,
  },
  left: {
    isLoud: true,
    text: ({ pids, reason }) => `still running without the lock, ${reason}: ${pids.join(' ')}`,
  },
  unreleased: {
    isLoud: true,
    text: ({ reason }, lock) => `${lock} was not released, the server will free it: ${reason}`,
  },
  warning: { isLoud: false, text: ({ message }) => `warning: ${message}` },
  failed: { isLoud: true, text: ({ message }) => message },
}
