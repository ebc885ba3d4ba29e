import { withSourceNames } from '../connection.js'
import { durationText } from '../durations.js'
import { EXIT, exitNameOf, type ExitName } from '../exit-codes.js'
import type { RunOrder } from './run-order.js'

/** Why a run failed, for people and for programs. */
export interface Failure {
  /** A code of the library, of the system, or `UNEXPECTED`. */
  readonly code: string
  readonly message: string
  readonly exitCode: number
}

type FailedOrder = Pick<RunOrder, 'command' | 'connection' | 'waitMs'>

export function failure(error: unknown, order: FailedOrder): Failure {
  const spawning = spawnFailure(error, order.command[0]!)
  if (spawning !== null) return spawning
  let name: ExitName = exitNameOf(error)
  // The answer to a single attempt is yes or no. If the attempt took too long, the server did not answer.
  if (name === 'busy' && order.waitMs === 0) name = 'unavailable'
  const { code, message, stack, cause } = error as Error & { code?: unknown }
  if (name === 'internal') return { code: 'UNEXPECTED', message: stack ?? message, exitCode: EXIT.internal }
  if (code === 'LOCK_TIMEOUT' && name === 'unavailable') {
    const why = cause instanceof Error ? cause.message : 'it does not answer'
    const after = order.waitMs === 0 ? '' : `; gave up after ${durationText(order.waitMs)}`
    return {
      code,
      message: `the database cannot be used: ${withSourceNames(why)}${after}`,
      exitCode: EXIT[name],
    }
  }
  return {
    code: String(code),
    message: withCommandLineNames(String(code), message, order),
    exitCode: EXIT[name],
  }
}

/** The library's messages name its options; users of the command line know flags and variables. */
function withCommandLineNames(code: string, message: string, { connection }: FailedOrder): string {
  if (code === 'CONNECTION_FAILED') return `the database cannot be used: ${withSourceNames(message)}`
  const flagged = message.replace('"namespace"', '--namespace')
  return connection === null ? flagged : flagged.replace('"connection"', connection.source)
}

/** Null if the error is not about starting the command. */
export function spawnFailure(error: unknown, command: string): Failure | null {
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException
  if (code === undefined || syscall?.startsWith('spawn') !== true) return null
  if (code === 'ENOENT') return { code, message: `${command}: not found`, exitCode: EXIT.notFound }
  const why = code === 'EACCES' ? 'permission denied' : code
  return { code, message: `${command}: can't be executed (${why})`, exitCode: EXIT.cannotExecute }
}
