/**
 * Draws docs/guides/terminal.svg: npm run docs:terminal [FILE]
 *
 * `lockpool top` in a real terminal, of a PostgreSQL of its own in which several programs lock. The terminal is tmux.
 */
import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { startEmbeddedPostgres } from '../dist/embedded/index.js'
import { runsOf } from './terminal/ansi.mjs'
import { svgOf } from './terminal/svg.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const LOCKPOOL = here('../dist/cli/main.js')
const SIZE = { columns: 124, rows: 19 }

/** What is typed before each screen. */
const SCREENS = [[], ['Down', 'Down', 'v'], ['v', '3']]

/** Who is there, one after the other: later ones wait for earlier ones. */
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

function hasTmux() {
  try {
    execFileSync('tmux', ['-V'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** The database `shop`, over a socket: without addresses, what is shown is shorter. */
async function setUp(server, folder) {
  const url = new URL(server.url)
  url.searchParams.set('host', folder)
  const run = async (...statements) => {
    const client = new pg.Client({ connectionString: url.href })
    await client.connect()
    for (const statement of statements) await client.query(statement)
    await client.end()
  }
  await run('CREATE DATABASE shop')
  url.pathname = '/shop'
  await run('CREATE TABLE orders (id int PRIMARY KEY, state text)', "INSERT INTO orders VALUES (1, 'new')")
  return url.href
}

async function play(env) {
  const actors = []
  for (const parts of CAST) {
    const stdio = ['pipe', 'pipe', 'inherit']
    const actor = spawn(process.execPath, [here('terminal/actor.mjs'), ...parts], { env, stdio })
    actors.push(actor)
    await once(actor.stdout, 'data')
    await sleep(1000)
  }
  return actors
}

/** What `lockpool top` shows, with its colors, after each of the keys. */
async function record(env) {
  const name = `lockpool-picture-${randomBytes(6).toString('hex')}`
  const tmux = (...args) =>
    execFileSync('tmux', ['-u', '-L', name, '-f', '/dev/null', ...args], { env, encoding: 'utf8' })
  const shell = ['sh', '-c', `'${process.execPath}' '${LOCKPOOL}' top; cat`]
  tmux('new-session', '-d', '-x', String(SIZE.columns), '-y', String(SIZE.rows), ...shell)
  try {
    // Some seconds, so that the waits are worth a sentence.
    await sleep(7000)
    const screens = []
    for (const keys of SCREENS) {
      for (const key of keys) tmux('send-keys', '-t', '0', key)
      await sleep(1000)
      screens.push(tmux('capture-pane', '-t', '0', '-e', '-p').replace(/\n$/, ''))
    }
    return screens
  } finally {
    tmux('kill-server')
  }
}

if (!hasTmux()) {
  process.stderr.write('tmux is the terminal that the picture is taken of, and it is not installed\n')
  process.exit(1)
}
const folder = mkdtempSync(join(tmpdir(), 'lockpool-picture-'))
// The server may run as another user.
chmodSync(folder, 0o777)
const server = await startEmbeddedPostgres({ durable: false, settings: { unix_socket_directories: folder } })
let actors = []
try {
  const url = await setUp(server, folder)
  const env = { ...process.env, DATABASE_URL: url, LOCKPOOL_URL: url, LANG: 'C.UTF-8' }
  for (const name of ['NO_COLOR', 'TMUX']) delete env[name]
  execFileSync(process.execPath, [LOCKPOOL, 'install'], { env, stdio: 'ignore' })
  actors = await play(env)
  const screens = await record(env)
  const file = process.argv[2] ?? here('../docs/guides/terminal.svg')
  writeFileSync(file, svgOf(screens.map(runsOf), { columns: SIZE.columns, title: 'lockpool top' }))
} finally {
  for (const actor of actors) actor.stdin.end()
  await Promise.all(actors.map((actor) => actor.exitCode ?? once(actor, 'exit')))
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
}
