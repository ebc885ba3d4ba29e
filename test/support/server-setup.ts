/** Once per run: builds the package, and starts the server that the tests share, unless `LOCKPOOL_TEST_URL` names one. */
import { execSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import type { EmbeddedPostgres } from '../../src/embedded/index.js'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Of a superuser, in a database that stays empty: see `createDatabase`. */
    serverUrl: string
  }
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

let server: EmbeddedPostgres | null = null

export async function setup(project: TestProject): Promise<void> {
  execSync('npm run --silent build', { cwd: ROOT, stdio: 'inherit', timeout: 120_000 })
  const given = process.env['LOCKPOOL_TEST_URL']
  project.provide('serverUrl', given ?? (await startServer()).url)
}

export async function teardown(): Promise<void> {
  await server?.stop('immediate')
}

async function startServer(): Promise<EmbeddedPostgres> {
  // What was built, because the guard of the server is a script that node runs; typed by what it was built from.
  const built = new URL('../../dist/embedded/index.js', import.meta.url).href
  const { startEmbeddedPostgres } = (await import(built)) as typeof import('../../src/embedded/index.js')
  server = await startEmbeddedPostgres({
    durable: false,
    settings: { max_connections: 200, max_locks_per_transaction: 256 },
  })
  return server
}
