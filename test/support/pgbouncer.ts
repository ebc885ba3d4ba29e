import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endWithParent } from './end-with-parent.js'

/** PgBouncer refuses to run as root, and needs no special rights. */
const NOBODY = 65_534

/** This many characters of its log are kept for a PgBouncer that ends by itself. */
const LOG_TAIL = 2000

export const hasPgBouncer: boolean = ((): boolean => {
  try {
    execFileSync('pgbouncer', ['--version'], { stdio: 'ignore', env: pathWithSbin() })
    return true
  } catch {
    return false
  }
})()

function pathWithSbin(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin` }
}

/** A real PgBouncer for one test, on a free port, in front of one database. */
export class PgBouncer implements AsyncDisposable {
  readonly url: string
  readonly #folder: string
  readonly #port: number
  readonly #target: URL
  #process: ChildProcess | null = null
  #restarts: Promise<void> = Promise.resolve()
  /** Called with its last words if it ends by itself. */
  onDeath: (lastWords: string) => void = () => undefined

  private constructor(folder: string, port: number, target: string) {
    this.#folder = folder
    this.#port = port
    this.#target = new URL(target)
    const url = new URL(target)
    url.hostname = '127.0.0.1'
    url.port = String(port)
    this.url = url.href
  }

  static async to(target: string, settings: Record<string, string | number>): Promise<PgBouncer> {
    const folder = await mkdtemp(join(tmpdir(), 'lockpool-pgbouncer-'))
    const bouncer = new PgBouncer(folder, await freePort(), target)
    await bouncer.configure(settings)
    await bouncer.#start()
    return bouncer
  }

  /** Writes the configuration. A running PgBouncer applies it after `reload`. */
  async configure(settings: Record<string, string | number>): Promise<void> {
    const { hostname, port, username, password, pathname } = this.#target
    const all = {
      listen_addr: '127.0.0.1',
      listen_port: this.#port,
      unix_socket_dir: '',
      auth_type: 'any',
      max_client_conn: 200,
      default_pool_size: 20,
      ...settings,
    }
    const text = [
      '[databases]',
      `${pathname.slice(1)} = host=${hostname} port=${port} user=${username} password=${password}`,
      '[pgbouncer]',
      ...Object.entries(all).map(([name, value]) => `${name} = ${value}`),
    ].join('\n')
    const file = join(this.#folder, 'pgbouncer.ini')
    await writeFile(file, `${text}\n`)
    await chmod(this.#folder, 0o755)
    if (process.getuid?.() === 0) await chown(file, NOBODY, NOBODY)
  }

  reload(): void {
    this.signal('SIGHUP')
  }

  signal(name: NodeJS.Signals): void {
    this.#process?.kill(name)
  }

  /**
   * Kills PgBouncer, and starts it again. Restarts run one after the other: if two ran at once, one would find its port
   * in use.
   */
  restart(): Promise<void> {
    this.#restarts = this.#restarts.then(async () => {
      await this.#kill()
      await this.#start()
    })
    return this.#restarts
  }

  async #kill(): Promise<void> {
    const child = this.#process
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kill()
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #start(): Promise<void> {
    const asNobody = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
    const child = spawn('pgbouncer', [join(this.#folder, 'pgbouncer.ini')], {
      ...asNobody,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: pathWithSbin(),
    })
    this.#process = child
    endWithParent(child, this.#folder)
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => (said = `${said}${String(chunk)}`.slice(-LOG_TAIL)))
    // Its output is complete when all its streams are closed.
    child.once('close', (code, signal) => {
      if (signal !== 'SIGKILL') this.onDeath(`with ${signal ?? code}: ${said}`)
    })
    for (let attempt = 0; attempt < 200; attempt++) {
      if (child.exitCode !== null) throw new Error(`pgbouncer ended with ${child.exitCode}`)
      if (await accepts(this.#port)) return
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
    throw new Error('pgbouncer does not accept connections')
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
