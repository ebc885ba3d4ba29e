import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { Started } from '../support/command-line.js'
import { lockWorld } from '../support/lock-world.js'
import { compileToRun, pagesWithExamples } from '../support/examples.js'
import { ROOT } from '../support/repository.js'

/** Runs every `ts` block of every page against a real server. All blocks of one page run in the same process. */
const world = lockWorld()

let programs: ReadonlyMap<string, readonly string[]>

beforeAll(async () => {
  programs = compileToRun()
  execFileSync(process.execPath, [join(ROOT, 'dist/cli/main.js'), 'install', '--url', world.database.url])
  await world.database.query(`CREATE TABLE invoices (id int PRIMARY KEY, paid boolean)`)
  await world.database.query(`CREATE TABLE documents (id int PRIMARY KEY, body text, token bigint)`)
  await world.database.query(`INSERT INTO invoices VALUES (4711, false)`)
  await world.database.query(`INSERT INTO documents VALUES (7, '', 0)`)
}, 120_000)

test.each(pagesWithExamples())('the examples of %s run', { timeout: 60_000 }, async (page) => {
  const { username, password, hostname, port, pathname } = new URL(world.database.url)
  const env = {
    PATH: process.env['PATH'],
    DATABASE_URL: world.database.url,
    PGUSER: username,
    PGPASSWORD: password,
    PGHOST: hostname,
    PGPORT: port,
    PGDATABASE: pathname.slice(1),
  }
  const runner = join(ROOT, 'test/support/run-examples.mjs')
  const program = new Started(process.execPath, [runner, ...programs.get(page)!], env, null)

  expect(await program.ended, program.err).toBe(0)
})
