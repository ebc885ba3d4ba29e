import { defineConfig, type ViteUserConfig } from 'vitest/config'

/** The tests that a change of the code is judged by: quick, without a server, the same in every run. */
const config: ViteUserConfig = defineConfig({
  test: {
    include: [
      'test/unit/base/**/*.test.ts',
      'test/unit/dialect/**/*.test.ts',
      'test/unit/lock/**/*.test.ts',
      'test/unit/pool/**/*.test.ts',
    ],
    testTimeout: 20_000,
    // One set of modules for all files of a run: loading them anew took longer than the tests.
    isolate: false,
  },
})

export default config
