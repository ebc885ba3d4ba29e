import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { isatty, WriteStream } from 'node:tty'
import { styleText } from 'node:util'
import type { HelpRow } from './help-row.js'

export type Paint = Parameters<typeof styleText>[0]

/** An output: standard output or standard error. */
export interface Channel {
  readonly isTerminal: boolean
  write(text: string): void
  /** `text` in color, where colors are wanted. */
  readonly paint: (how: Paint, text: string) => string
}

export interface Terminal {
  readonly out: Channel
  readonly err: Channel
  /** Whether standard input is a terminal, so that a user can answer. */
  readonly isInteractive: boolean
  /** The columns of the terminal; Infinity without one. */
  readonly width: () => number
  /** Asks a question on standard error; returns the typed line without spaces around it. */
  readonly ask: (question: string) => Promise<string>
}

/** The environment variables for colors. */
export const COLOR_ENVIRONMENT: readonly HelpRow[] = [
  ['NO_COLOR, FORCE_COLOR', 'no colors, or colors even if there is no terminal'],
]

type Environment = Readonly<Record<string, string | undefined>>

/** The only place that writes to the standard streams. */
export function systemTerminal(env: Environment): Terminal {
  const err = channel(2, env)
  return {
    out: channel(1, env),
    err,
    isInteractive: isatty(0),
    width: () => screenSize()?.columns ?? Infinity,
    ask: (question) => {
      err.write(question)
      return firstLine()
    },
  }
}

/** Node calls this method when the window has changed, but only on the standard output that it has opened itself. */
type Screen = WriteStream & { _refreshSize(): void }

let screen: Screen | null = null

/** The size of the terminal at standard output, at this moment; null without a terminal. */
export function screenSize(): { readonly columns: number; readonly rows: number } | null {
  if (!isatty(1)) return null
  // Not closed, because closing the stream would close the descriptor.
  screen ??= new WriteStream(1) as Screen
  screen._refreshSize()
  const [columns, rows] = screen.getWindowSize()
  // Some terminals do not report their size.
  return columns > 0 && rows > 0 ? { columns, rows } : { columns: 80, rows: 24 }
}

/** The first line of standard input; empty at its end. */
async function firstLine(): Promise<string> {
  const lines = createInterface({ input: process.stdin, terminal: false })
  try {
    for await (const line of lines) return line.trim()
    return ''
  } finally {
    lines.close()
  }
}

/** `FORCE_COLOR` overrides `NO_COLOR`, as in Node. Without both, colors need a terminal that is not dumb. */
export function wantsColor(env: Environment, isTerminal: boolean): boolean {
  const force = env['FORCE_COLOR']
  if (force !== undefined) return force !== '0' && force !== 'false'
  if (env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '') return false
  return isTerminal && env['TERM'] !== 'dumb'
}

/**
 * Whether keys of a terminal can send signals to this process: a terminal controls this session, even if no standard stream
 * is a terminal. A process finds out by opening `/dev/tty` (POSIX).
 */
export function hasControllingTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', constants.O_RDONLY | constants.O_NOCTTY | constants.O_NONBLOCK))
    return true
  } catch {
    return false
  }
}

function channel(fd: number, env: Environment): Channel {
  const isTerminal = isatty(fd)
  const isColored = wantsColor(env, isTerminal)
  return {
    isTerminal,
    write: (text) => writeAll(fd, text),
    // `styleText` would check standard output itself, and thereby open a stream for it.
    paint: (how, text) => (isColored ? styleText(how, text, { validateStream: false }) : text),
  }
}

const RETRY_MS = 10
const MAX_RETRIES = 100

/**
 * Writes without `process.stdout` and `process.stderr`: for a pipe they make the open file itself non-blocking. A child that
 * inherits it is not prepared for that ("Resource temporarily unavailable" in the middle of its output). This way all text is
 * written when the function returns, so the process may exit.
 */
function writeAll(fd: number, text: string): void {
  let bytes = Buffer.from(text)
  let retries = 0
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(fd, bytes))
      retries = 0
    } catch (error) {
      // Another process has made it non-blocking, and it is full. After any other error, no process reads it.
      const isFull = (error as NodeJS.ErrnoException).code === 'EAGAIN'
      if (!isFull || ++retries > MAX_RETRIES) return
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS)
    }
  }
}
