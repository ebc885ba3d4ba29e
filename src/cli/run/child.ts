import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Clock } from '../../base/clock.js'
import { CommandProcesses } from './command-processes.js'
import { readProcess } from './process-table.js'

/** How a process ended: with an exit code, or by a signal. */
export type ChildEnd = { readonly exitCode: number } | { readonly signal: NodeJS.Signals }

/** Signals that only the command gets. Others should end the command together with everything it has started. */
const PRIVATE_SIGNALS: ReadonlySet<NodeJS.Signals> = new Set(['SIGUSR1', 'SIGUSR2'])

/** Signals that a terminal sends when a key is pressed, to every process of its foreground group at once. */
const KEYBOARD_SIGNALS: ReadonlySet<NodeJS.Signals> = new Set(['SIGINT', 'SIGQUIT'])

/**
 * The command, running.
 *
 * Under a terminal it stays in the process group of lockpool. A separate group would be a background group: the terminal
 * would stop the command as soon as it reads (SIGTTIN), and Ctrl-Z would stop lockpool and its heartbeats but not the
 * command, which would then continue without its lock. So signals of the keyboard reach both, and are not passed on a second
 * time.
 *
 * Without a terminal it leads a new session. So everything that it starts can be found and ended, and a signal to the process
 * group of lockpool does not reach it twice.
 */
export class Child {
  readonly pid: number
  readonly processes: CommandProcesses
  readonly ended: Promise<ChildEnd>
  readonly #process: ChildProcess
  readonly #sharesTerminal: boolean
  #isToldToEnd = false

  private constructor(child: ChildProcess, sharesTerminal: boolean, clock: Clock) {
    this.pid = child.pid!
    this.processes = new CommandProcesses(this.pid, !sharesTerminal, clock)
    this.#process = child
    this.#sharesTerminal = sharesTerminal
    this.ended = new Promise((resolve) => {
      child.once('exit', (exitCode, signal) =>
        resolve(signal === null ? { exitCode: exitCode ?? 0 } : { signal }),
      )
    })
  }

  /** @throws the error of the system, with its `code`, if the command cannot be started. */
  static async start(
    [file = '', ...args]: readonly string[],
    env: Readonly<Record<string, string>>,
    sharesTerminal: boolean,
    clock: Clock,
  ): Promise<Child> {
    const child = spawn(file, args, {
      stdio: 'inherit',
      env: { ...process.env, ...env },
      detached: !sharesTerminal,
    })
    if (child.pid === undefined) {
      const [error] = (await once(child, 'error')) as [Error]
      throw error
    }
    // Ignored, because the end of the process shows whether `kill` worked.
    child.on('error', () => undefined)
    return new Child(child, sharesTerminal, clock)
  }

  /** False if the terminal has sent it to the command already. */
  passOn(signal: NodeJS.Signals): boolean {
    if (this.#sharesTerminal && KEYBOARD_SIGNALS.has(signal) && isInForeground()) {
      this.#isToldToEnd = true
      this.processes.look()
      return false
    }
    if (PRIVATE_SIGNALS.has(signal)) this.#process.kill(signal)
    else {
      this.#isToldToEnd = true
      this.processes.signal(signal)
    }
    return true
  }

  /**
   * How it ended. After a signal to all its processes, those that it has started get `graceMs` to end as well: a shell dies
   * at once, but its commands may take a moment. `left` are the pids that are still running.
   */
  async finished(graceMs: number): Promise<{ readonly end: ChildEnd; readonly left: readonly number[] }> {
    const end = await this.ended
    return { end, left: this.#isToldToEnd ? await this.processes.gone(graceMs) : [] }
  }
}

/** Whether this process group is in the foreground of the terminal: then signals of the keyboard reach the whole group. */
function isInForeground(): boolean {
  const ourselves = readProcess(process.pid)
  return ourselves !== null && ourselves.foreground === ourselves.group
}
