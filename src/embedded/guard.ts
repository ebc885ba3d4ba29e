import { spawn, type ChildProcess } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Deferred } from '../base/deferred.js'
import type { GuardReport, GuardRequest, ProgramEnd, ProgramRequest } from './guard-messages.js'

/** A program that the guard runs, or has run. */
export class GuardedProgram {
  /** Null until it runs. */
  processId: number | null = null
  /** Null until it has ended. */
  end: ProgramEnd | null = null
  readonly #ended = new Deferred<ProgramEnd>()

  /** Never rejects. */
  get ended(): Promise<ProgramEnd> {
    return this.#ended.promise
  }

  /** Called by the guard. */
  endWith(end: ProgramEnd): void {
    this.end = end
    this.#ended.resolve(end)
  }
}

const GUARD_PROCESS = fileURLToPath(new URL('guard-process.js', import.meta.url))

/** The guard process as its owner sees it. It does not keep the owner's process alive, except while a call waits. */
export class Guard {
  readonly #directory: string
  readonly #child: ChildProcess
  readonly #gone = new Deferred<void>()
  #program: GuardedProgram | null = null
  /** Set when the guard has gone: the result of every program that it ran or is asked to run. */
  #lost: ProgramEnd | null = null
  #holds = 0

  /** From now on, the guard must remove `directory`. */
  constructor(directory: string) {
    this.#directory = directory
    // Options of the owner, a debugger's port for example, are not meant for the guard.
    const { NODE_OPTIONS: _, ...environment } = process.env
    this.#child = spawn(process.execPath, [GUARD_PROCESS, directory], {
      // Not the folder of the owner, because a user may want to remove that.
      cwd: dirname(directory),
      detached: true,
      env: environment,
      // None of the owner's streams: otherwise their readers would wait for the guard too.
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      windowsHide: true,
    })
    this.#child.on('message', (report: GuardReport) => this.#hear(report))
    this.#child.once('error', (error) => this.#lose(error.message))
    this.#child.once('exit', (code, signal) => this.#lose(signal ?? `exit code ${code}`))
    this.#release()
  }

  /** Starts a program, after the one before it has ended. */
  run(program: ProgramRequest): GuardedProgram {
    const guarded = new GuardedProgram()
    this.#program = guarded
    if (this.#lost !== null) guarded.endWith(this.#lost)
    this.#send({ do: 'run', program })
    return guarded
  }

  /** Sends a signal to the program, if it still runs. */
  signal(signal: NodeJS.Signals): void {
    this.#send({ do: 'signal', signal })
  }

  /** Keeps this process alive until `work` is done. */
  async hold<T>(work: Promise<T>): Promise<T> {
    if (this.#holds++ === 0) {
      this.#child.ref()
      this.#child.channel?.ref()
    }
    try {
      return await work
    } finally {
      if (--this.#holds === 0) this.#release()
    }
  }

  /** Ends the guard: it ends the running program, removes the folder, and ends itself. Resolves when that is done. */
  async leave(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect()
    await this.#gone.promise
    // In case the guard was killed.
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }

  #send(request: GuardRequest): void {
    // A request that is lost needs no answer: the guard has gone, or is going, and that is reported.
    if (this.#child.connected) this.#child.send(request, () => undefined)
  }

  #hear(report: GuardReport): void {
    if (report.is === 'running') this.#program!.processId = report.processId
    else this.#program!.endWith(report.end)
  }

  #lose(how: string): void {
    this.#lost = { isSuccess: false, how: `its guard process ended: ${how}` }
    if (this.#program?.end === null) {
      killOrphan(this.#program.processId)
      this.#program.endWith(this.#lost)
    }
    this.#gone.resolve()
  }

  #release(): void {
    this.#child.unref()
    this.#child.channel?.unref()
  }
}

/** The guard ends its program before it goes, unless the guard itself was killed. */
function killOrphan(processId: number | null): void {
  try {
    if (processId !== null) process.kill(processId, 'SIGQUIT')
  } catch {
    // The program has ended by itself in the meantime.
  }
}
