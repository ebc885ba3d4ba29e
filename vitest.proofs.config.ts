import { defineConfig, type TestProjectInlineConfiguration, type ViteUserConfig } from 'vitest/config'

/**
 * Tests wait for servers and timers most of the time: on two cores, three files at once take much less time than two. With
 * four, one test reached its limit.
 */
export const WORKERS = 3

/** The options of tests with real servers. */
export const WITH_SERVER: NonNullable<TestProjectInlineConfiguration['test']> = {
  globalSetup: ['test/support/server-setup.ts'],
  testTimeout: 120_000,
  hookTimeout: 120_000,
  maxWorkers: WORKERS,
}

/** Integration tests that take long, because servers fail, leases run out, and processes die: `npm run test:proofs`. */
const config: ViteUserConfig = defineConfig({
  test: { name: 'proofs', include: ['test/proofs/**/*.test.ts'], ...WITH_SERVER },
})

export default config
