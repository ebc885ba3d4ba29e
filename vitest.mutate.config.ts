import { defineConfig, type ViteUserConfig } from 'vitest/config'

/**
 * The tests that a change of the code is judged by: quick, without a server, the same in every run. `MUTATE_TESTS=pool` takes
 * those of one folder alone, which is several times as fast; what they do not notice is then a matter for all of them.
 */
const folders = (process.env['MUTATE_TESTS'] ?? 'base,dialect,lock,pool').split(',')

const config: ViteUserConfig = defineConfig({
  test: {
    include: folders.map((folder) => `test/unit/${folder}/**/*.test.ts`),
    testTimeout: 20_000,
    // One set of modules for all files of a run: loading them anew took longer than the tests.
    isolate: false,
  },
})

export default config
