import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, expect } from 'vitest'

export const MAIN: string = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

/** An event of `lockpool run --json`. */
export interface ToldEvent {
  readonly event: string
  readonly [field: string]: unknown
}

/** A process that a test has started, with its output so far. */
export class Started {
  readonly process: ChildProcess
  readonly #out: Buffer[] = []
  readonly #err: Buffer[] = []
  /** The exit code or the ending signal, once all output is read. */
  readonly ended: Promise<number | NodeJS.Signals>

  constructor(file: string, args: readonly string[], env: NodeJS.ProcessEnv, input: Buffer | null) {
    // A separate session, so that the terminal of the person who runs the tests has no effect.
    this.process = spawn(file, args, { env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] })
    this.process.stdout!.on('data', (bytes: Buffer) => this.#out.push(bytes))
    this.process.stderr!.on('data', (bytes: Buffer) => this.#err.push(bytes))
    this.process.stdin!.on('error', () => undefined)
    this.process.stdin!.end(input ?? undefined)
    this.ended = once(this.process, 'close').then(
      ([code, signal]) => (code ?? signal) as number | NodeJS.Signals,
    )
    running.add(this)
    void this.ended.then(() => running.delete(this))
  }

  get out(): Buffer {
    return Buffer.concat(this.#out)
  }

  get err(): string {
    return Buffer.concat(this.#err).toString()
  }

  /** The events that it printed with `--json`. */
  get events(): ToldEvent[] {
    return this.err
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as ToldEvent)
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal)
  }

  /** Ends it without waiting for its child processes, which may have inherited its output. */
  async abandon(): Promise<void> {
    this.kill('SIGKILL')
    this.process.stdout!.destroy()
    this.process.stderr!.destroy()
    await this.ended
  }

  /** Waits until it has written `text` to standard output. */
  async says(text: string): Promise<void> {
    await expect.poll(() => this.out.toString(), { timeout: 60_000 }).toContain(text)
  }

  async tells(event: string): Promise<ToldEvent> {
    const find = (): ToldEvent | undefined => this.events.find((each) => each.event === event)
    await expect.poll(find, { timeout: 60_000, message: this.err }).toBeDefined()
    return find()!
  }
}

const running = new Set<Started>()

/** Starts the built command `lockpool ARGS`, with only PATH, HOME and the given variables in its environment. */
export function lockpool(
  args: readonly string[],
  { url, env = {}, input = null }: { url?: string; env?: NodeJS.ProcessEnv; input?: Buffer | null } = {},
): Started {
  const bare = { PATH: process.env['PATH'], HOME: process.env['HOME'] }
  return new Started(
    process.execPath,
    [MAIN, ...args],
    { ...bare, ...(url === undefined ? {} : { LOCKPOOL_URL: url }), ...env },
    input,
  )
}

/** Runs a script that may import `lockpool`, in a separate process. */
export function script(source: string, env: NodeJS.ProcessEnv = {}): Started {
  const args = ['--input-type=module', '-e', source]
  return new Started(process.execPath, args, { ...process.env, ...env }, null)
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

// Ends processes that a failed test has left running.
afterEach(() => Promise.all([...running].map((each) => each.abandon())))
