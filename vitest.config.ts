import { defineConfig, type ViteUserConfig } from 'vitest/config'

const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts', 'test/tidy.test.ts'] } },
      { test: { name: 'simulation', include: ['test/simulation/**/*.test.ts'], testTimeout: 300_000 } },
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
          testTimeout: 30_000,
          hookTimeout: 30_000,
          // Two cores: more files at once would only make each other late. A group of its own, because the others have
          // another number of workers, and would make it late as well.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})

export default config
