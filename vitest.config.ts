import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { WITH_SERVER, WORKERS } from './vitest.proofs.config.js'

const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/tidy.test.ts'],
          // A limit is for what hangs. None is so near that a busy machine reaches it.
          testTimeout: 60_000,
          maxWorkers: WORKERS,
          // Loading our modules anew for each file is two fifths of what these tests cost. Their leak checks keep one file from
          // leaving anything to the next.
          isolate: false,
        },
      },
      {
        test: {
          name: 'simulation',
          include: ['test/simulation/**/*.test.ts'],
          testTimeout: 900_000,
          maxWorkers: WORKERS,
        },
      },
      {
        test: {
          name: 'server',
          include: [
            'test/contract/**/*.test.ts',
            'test/examples/**/*.test.ts',
            'test/integration/**/*.test.ts',
            'test/package/**/*.test.ts',
          ],
          ...WITH_SERVER,
        },
      },
    ],
  },
})

export default config
