/** The servers, fronts and poolers that programs connect to. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { endWithParent } from '../test/support/end-with-parent.js'
import {
  startEmbeddedPostgres,
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
} from '../src/embedded/index.js'
import { CREATE_DATABASE, CREATE_ROLE } from './drivers-sql.js'

export interface Target extends AsyncDisposable {
  readonly port: number
}

/** A PostgreSQL with the database `app` and its owner, who logs in with a password. */
export interface Server extends Target {
  /** Logged in as superuser, in the database `app`. */
  readonly admin: pg.Client
  readonly url: string
}

type Start = (options: EmbeddedPostgresOptions) => Promise<EmbeddedPostgres>

/** Starts the server with the database. Tests pass a `start` that uses a PostgreSQL that is built already. */
export async function startServer(start: Start = startEmbeddedPostgres): Promise<Server> {
  const server = await start({ durable: false, settings: { max_connections: 60 } })
  const first = new pg.Client(server.url)
  await first.connect()
  await first.query(CREATE_ROLE)
  await first.query(CREATE_DATABASE)
  await first.end()
  const admin = new pg.Client(Object.assign(new URL(server.url), { pathname: '/app' }).href)
  await admin.connect()
  return {
    port: server.port,
    admin,
    url: `postgres://app:secret@127.0.0.1:${server.port}/app`,
    [Symbol.asyncDispose]: async () => {
      await admin.end()
      await server.stop()
    },
  }
}

/** Starts `lockpool serve` from dist. It sends statements that are not about locks to `others`. */
export async function startFront(server: Server, others: string): Promise<Target> {
  const folder = await mkdtemp(join(tmpdir(), 'lockpool-drivers-'))
  const users = join(folder, 'users.txt')
  await writeFile(users, '"app" "secret"\n')
  const url = `--url=${server.url}`
  const args = ['serve', '--listen=127.0.0.1:0', `--users=${users}`, url, `--others=${others}`, '--json']
  const child = spawn(process.execPath, ['dist/cli/main.js', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  endWithParent(child, folder)
  const exited = once(child, 'exit')
  const port = await Promise.race([portOf(child.stdout), exited.then(() => null)])
  if (port === null) throw new Error('lockpool serve has ended')
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM')
      await exited
      await rm(folder, { recursive: true })
    },
  }
}

async function portOf(output: NodeJS.ReadableStream): Promise<number | null> {
  for await (const line of createInterface({ input: output })) {
    const port = /"port":\s*(\d+)/.exec(line)?.[1]
    if (port !== undefined) return Number(port)
  }
  return null
}
