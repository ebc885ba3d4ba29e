/**
 * Starts a PostgreSQL in which several programs lock, each in its own process. The picture and `npm run try` use it.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { startEmbeddedPostgres } from '../../dist/embedded/index.js'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

export const LOCKPOOL = here('../../dist/cli/main.js')

/** The programs, in the order of their start. A later one waits for an earlier one. */
const CAST = [
  ['billing', 'hold:invoice 4711', 'hold:invoice 4712', 'hold:invoice 4720', 'hold:customer 17'],
  ['billing', 'hold:invoice 4713', 'hold:month end', 'wait:invoice 4711'],
  ['reports', 'read:price list', 'wait:month end'],
  ['reports', 'read:price list', 'wait:month end'],
  ['converter', 'permits:pdf conversion:2:3'],
  ['converter', 'permits:pdf conversion:1:3', 'hold:mailbox 3'],
  ['psql', 'sql:BEGIN', "sql:UPDATE orders SET state = 'paid' WHERE id = 1"],
  ['shop', "wait-sql:UPDATE orders SET state = 'sent' WHERE id = 1"],
  ['shop', "wait-sql:UPDATE orders SET state = 'new' WHERE id = 1"],
]

/** Runs `use` with an environment in which `lockpool` finds the server. Stops everything afterwards. */
export async function withScene(use, { pauseMs = 0 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'lockpool-scene-'))
  // The server may run as another user.
  chmodSync(folder, 0o777)
  const server = await startEmbeddedPostgres({
    durable: false,
    settings: { unix_socket_directories: folder },
  })
  const actors = []
  try {
    const url = await setUp(server, folder)
    const env = { ...process.env, DATABASE_URL: url, LOCKPOOL_URL: url }
    execFileSync(process.execPath, [LOCKPOOL, 'install'], { env, stdio: 'ignore' })
    for (const parts of CAST) {
      actors.push(await enter(parts, env))
      await sleep(pauseMs)
    }
    return await use(env)
  } finally {
    for (const actor of actors) actor.stdin.end()
    await Promise.all(actors.map((actor) => actor.exitCode ?? once(actor, 'exit')))
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The database `shop`, reached through a socket. Without addresses the screens are shorter. */
async function setUp(server, folder) {
  const url = new URL(server.url)
  url.searchParams.set('host', folder)
  await run(url.href, 'CREATE DATABASE shop')
  url.pathname = '/shop'
  await run(
    url.href,
    'CREATE TABLE orders (id int PRIMARY KEY, state text)',
    "INSERT INTO orders VALUES (1, 'new')",
  )
  return url.href
}

async function run(url, ...statements) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  for (const statement of statements) await client.query(statement)
  await client.end()
}

/** Starts a program. Resolves when it holds its locks. */
async function enter(parts, env) {
  const stdio = ['pipe', 'pipe', 'inherit']
  const actor = spawn(process.execPath, [here('actor.mjs'), ...parts], { env, stdio })
  await once(actor.stdout, 'data')
  return actor
}
