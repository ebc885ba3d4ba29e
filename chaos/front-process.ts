import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { endWithParent } from '../test/support/end-with-parent.js'
import { sharedNow, type Life, type Moment, type WorkerEvent } from './history.js'
import { Proxy } from './proxy.js'

const PROGRAM = fileURLToPath(new URL('../src/cli/main.js', import.meta.url))

/** How long a supervisor waits before it starts a front again. */
const AGAIN_AFTER_MS = 200

/** How long a front may take to listen. It may have to wait for its server. */
const LISTEN_LIMIT_MS = 60_000

const GRACE_MS = 1000

/** The grace period of a front, plus the time that a lost connection to the server can still cost. */
const EXIT_TIMEOUT_MS = 15_000

interface FrontOrder {
  readonly name: string
  /** The address of the server. */
  readonly url: string
  readonly leaseMs: number
  readonly isStrict: boolean
}

interface FrontLife {
  readonly process: string
  readonly events: WorkerEvent[]
  endedAt: Moment | null
  how: Life['how']
  hasListened: boolean
}

/** `lockpool serve` under a supervisor, which starts it again whenever it ends. It has its own network to the server. */
export class FrontProcess {
  readonly name: string
  readonly proxy: Proxy
  readonly #order: FrontOrder
  readonly #lives: FrontLife[] = []
  readonly #listeners: ((port: number) => void)[] = []
  /** The moments at which its watchdog ended it although no strike should have caused that. */
  readonly starved: Moment[] = []
  #child: ChildProcess | null = null
  #port = 0
  #isWanted = false
  #listening: Promise<unknown> = Promise.resolve()

  private constructor(order: FrontOrder, proxy: Proxy) {
    this.name = order.name
    this.#order = order
    this.proxy = proxy
  }

  static async at(order: FrontOrder): Promise<FrontProcess> {
    const front = new FrontProcess(order, await Proxy.to(Number(new URL(order.url).port)))
    await front.start()
    if (front.#port === 0) throw new Error(`${order.name} does not listen: ${front.#words()}`)
    return front
  }

  /** The address for its clients. */
  get url(): string {
    const url = new URL(this.#order.url)
    url.port = String(this.#port)
    return url.href
  }

  /** `f2.3` is the third life of the second front. */
  get process(): string {
    return `${this.name}.${this.#lives.length}`
  }

  /** Calls the listener after each start, because the port changes. */
  onPort(listener: (port: number) => void): void {
    this.#listeners.push(listener)
  }

  /** Resolves when clients can connect, or after a time limit. */
  async start(): Promise<void> {
    this.#isWanted = true
    this.#spawn()
    await Promise.race([this.#listening, sleep(LISTEN_LIMIT_MS, undefined, { ref: false })])
  }

  /** Resolves when the front is dead. */
  async kill(): Promise<void> {
    this.#isWanted = false
    this.#lives.at(-1)!.how = 'killed'
    await this.#ended('SIGKILL')
  }

  /** Ends it like an operator: clients that hold something have a moment to finish. */
  async terminate(): Promise<void> {
    this.#isWanted = false
    const life = this.#lives.at(-1)!
    const late = sleep(EXIT_TIMEOUT_MS, 'late', { ref: false })
    if ((await Promise.race([this.#ended('SIGTERM'), late])) !== 'late') return
    await this.kill()
    life.how = 'stuck'
  }

  /** Stops only the front. Its watchdog still runs. */
  pause(): void {
    this.#child!.kill('SIGSTOP')
  }

  resume(): void {
    this.#child!.kill('SIGCONT')
  }

  /** Waits for the watchdog to end the front after a pause. A front that survives is killed too, and that is a finding. */
  async untilKilled(limitMs: number): Promise<void> {
    this.#isWanted = false
    const life = this.#lives.at(-1)!
    life.how = 'killed'
    const late = sleep(limitMs, 'late', { ref: false })
    if ((await Promise.race([this.#exit(), late])) !== 'late') return
    this.#tell(life, `its watchdog has not ended it in ${limitMs} ms`)
    await this.kill()
  }

  /** The processes that the front has started: its watchdog. */
  async children(): Promise<number[]> {
    const pid = this.#child!.pid!
    const list = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
    return list.split(' ').filter(Boolean).map(Number)
  }

  lives(): Life[] {
    return this.#lives.map(({ process, events, endedAt, how }) => ({ process, events, endedAt, how }))
  }

  #spawn(): void {
    const { leaseMs, isStrict, name } = this.#order
    const url = new URL(this.#order.url)
    url.port = String(this.proxy.port)
    const life: FrontLife = {
      process: `${name}.${this.#lives.length + 1}`,
      events: [],
      endedAt: null,
      how: 'exited',
      hasListened: false,
    }
    this.#lives.push(life)
    url.searchParams.set('application_name', `chaos ${life.process}`)
    const args = ['serve', '--listen=127.0.0.1:0', '--trust', `--url=${url.href}`, '--others=pass', '--max=3']
    const times = [
      `--lease=${leaseMs}ms`,
      `--grace=${GRACE_MS}ms`,
      '--json',
      ...(isStrict ? ['--strict'] : []),
    ]
    const child = spawn(process.execPath, [PROGRAM, ...args, ...times], { stdio: ['ignore', 'pipe', 'pipe'] })
    endWithParent(child)
    this.#child = child
    this.#listening = this.#listen(child, life)
    void this.#hear(child, life)
    child.once('exit', (code, signal) => this.#exited(child, life, code, signal))
  }

  async #listen({ stdout }: ChildProcess, life: FrontLife): Promise<void> {
    for await (const line of createInterface({ input: stdout! })) {
      const port = /"port":\s*(\d+)/.exec(line)?.[1]
      if (port === undefined) continue
      life.hasListened = true
      this.#port = Number(port)
      for (const listener of this.#listeners) listener(this.#port)
      return
    }
  }

  /** Reports about the server are expected. A stack means a bug. */
  async #hear({ stderr }: ChildProcess, life: FrontLife): Promise<void> {
    const lines: string[] = []
    for await (const line of createInterface({ input: stderr! })) {
      lines.push(line)
      if (line.startsWith('    at ')) this.#tell(life, lines.slice(-3).join('\n'))
      else if (lines.length > 3) lines.shift()
    }
  }

  #tell(life: FrontLife, message: string): void {
    life.events.push({ what: 'unhandled', message, at: sharedNow(), wall: Date.now() })
  }

  #words(): string {
    return this.#lives.flatMap(({ events }) => events.map((event) => JSON.stringify(event))).join('\n')
  }

  #exited(child: ChildProcess, life: FrontLife, code: number | null, signal: NodeJS.Signals | null): void {
    life.endedAt = sharedNow()
    if (this.#child !== child || !this.#isWanted) return
    // Before it listens it may find no server and end; that is no crash.
    if (signal === 'SIGKILL') {
      life.how = 'killed'
      this.starved.push(life.endedAt)
    } else if (life.hasListened || code === null) life.how = 'crashed'
    setTimeout(() => {
      if (this.#isWanted && this.#child === child) this.#spawn()
    }, AGAIN_AFTER_MS)
  }

  async #ended(signal: NodeJS.Signals): Promise<void> {
    const exit = this.#exit()
    this.#child!.kill(signal)
    await exit
  }

  async #exit(): Promise<void> {
    const child = this.#child!
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
}
