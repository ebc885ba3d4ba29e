/** Stable across releases: match on the code, never on the message. */
export type EmbeddedPostgresErrorCode =
  | 'PLATFORM_UNSUPPORTED'
  | 'BINARIES_MISSING'
  | 'ACCOUNT_MISSING'
  | 'PORT_IN_USE'
  | 'INITDB_FAILED'
  | 'START_FAILED'
  | 'START_TIMED_OUT'
  | 'SERVER_STOPPED'

/**
 * The server could not be started. When `startEmbeddedPostgres` throws this, nothing of the server is left. It is not a
 * `LockError`, because it concerns a tool for development, and code that handles failures of locks should not get it.
 *
 * - `PLATFORM_UNSUPPORTED`  there are no binaries for this system
 * - `BINARIES_MISSING`      there are binaries, but they are not installed; the message says how
 * - `ACCOUNT_MISSING`       the user is root, which PostgreSQL refuses, and there is no other user to run it as
 * - `PORT_IN_USE`           another program listens there
 * - `INITDB_FAILED`         no data folder could be made
 * - `START_FAILED`          the server ended before it was ready: a wrong setting, for example
 * - `START_TIMED_OUT`       it took longer than `startTimeoutMs`
 * - `SERVER_STOPPED`        `restart` after, or during, `stop`
 */
export class EmbeddedPostgresError extends Error {
  static {
    this.prototype.name = 'EmbeddedPostgresError'
  }

  /** What went wrong, for programs. */
  readonly code: EmbeddedPostgresErrorCode

  /** `output` is the output of the server or of initdb. Its last lines become part of the message. */
  constructor(
    code: EmbeddedPostgresErrorCode,
    message: string,
    options?: ErrorOptions & { readonly output?: string },
  ) {
    super([message, ...lastLines(options?.output ?? '')].join('\n'), options)
    this.code = code
  }
}

/** The cause is at the end of a log, and more lines would hide it. */
const MAX_LINES = 20

function lastLines(text: string): readonly string[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-MAX_LINES)
}
