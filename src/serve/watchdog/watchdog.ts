import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Cancel, Clock } from '../../base/clock.js'
import { TICKS } from './heartbeat-silence.js'

const WATCHDOG_PROCESS = fileURLToPath(new URL('watchdog-process.js', import.meta.url))

/** A watchdog that has ended is replaced after this time. */
const AGAIN_AFTER_MS = 1000

const SIGN_OF_LIFE = Buffer.from('.')

/** Starts another process that watches this one, and kills it if it hangs. */
export class Watchdog {
  readonly #clock: Clock
  readonly #silenceMs: number
  readonly #report: (message: string) => void
  #child: ChildProcess | null = null
  #cancel: Cancel
  #isClosed = false

  /** `silenceMs`: how long this process may be silent. `report` is called when a watchdog has ended by itself. */
  constructor(clock: Clock, silenceMs: number, report: (message: string) => void) {
    this.#clock = clock
    this.#silenceMs = silenceMs
    this.#report = report
    this.#cancel = () => undefined
    this.#start()
    this.#tick()
  }

  /** The process id of the watchdog; null if there is none at the moment. */
  get processId(): number | null {
    return this.#child?.pid ?? null
  }

  close(): void {
    this.#isClosed = true
    this.#cancel()
    this.#child?.stdin?.end()
  }

  #start(): void {
    if (this.#isClosed) return
    // NODE_OPTIONS, a debugger's port for example, is for this process and not for the watchdog.
    const { NODE_OPTIONS: _, ...env } = process.env
    const parts = ['--max-old-space-size=16', WATCHDOG_PROCESS, String(process.pid), String(this.#silenceMs)]
    const child = spawn(process.execPath, parts, {
      // Signals of a terminal are only for this process.
      detached: true,
      env,
      stdio: ['pipe', 'ignore', 'ignore'],
      windowsHide: true,
    })
    child.stdin.on('error', () => undefined)
    child.once('error', (error) => this.#ended(child, error.message))
    child.once('exit', (code, signal) => this.#ended(child, signal ?? `exit code ${code}`))
    child.unref()
    this.#child = child
  }

  #ended(child: ChildProcess, how: string): void {
    if (this.#child !== child) return
    this.#child = null
    if (this.#isClosed) return
    this.#report(`the watchdog has ended (${how}), and is started again`)
    this.#clock.after(AGAIN_AFTER_MS, () => this.#start(), false)
  }

  #tick(): void {
    if (this.#isClosed) return
    this.#child?.stdin?.write(SIGN_OF_LIFE)
    this.#cancel = this.#clock.after(this.#silenceMs / TICKS, () => this.#tick(), false)
  }
}
