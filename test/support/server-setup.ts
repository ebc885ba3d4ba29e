/**
 * Runs once per test run: builds the package, and starts the server that the tests share, unless `LOCKPOOL_TEST_URL`
 * names one.
 */
import { execSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import type { EmbeddedPostgres } from '../../src/embedded/index.js'
import { startEmbedded } from './own-server.js'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The URL of a superuser. Its database stays empty: see `createDatabase`. */
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
  server = await startEmbedded({
    durable: false,
    settings: { max_connections: 200, max_locks_per_transaction: 256 },
  })
  return server
}
