import { defineConfig, type ViteUserConfig } from 'vitest/config'

const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/tidy.test.ts'],
          // A limit is for what hangs. None is so near that a busy machine reaches it.
          testTimeout: 60_000,
          // Loading our modules anew for each file is two fifths of what these tests cost. Their leak checks keep one file from
          // leaving anything to the next.
          isolate: false,
        },
      },
      { test: { name: 'simulation', include: ['test/simulation/**/*.test.ts'], testTimeout: 900_000 } },
      {
        test: {
          name: 'server',
          include: [
            'test/contract/**/*.test.ts',
            'test/examples/**/*.test.ts',
            'test/integration/**/*.test.ts',
            'test/package/**/*.test.ts',
          ],
          globalSetup: ['test/support/server-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // Servers and timers are waited for most of the time: on two cores three files at once take much less than two one
          // after the other. With four one test met its limit. A group of its own, because the others have another number of
          // workers, and would make it late as well.
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})

export default config
