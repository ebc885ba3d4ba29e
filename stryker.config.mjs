// @ts-check
/**
 * `npm run mutate -- --mutate src/lock/contention/cohort-turn.ts`: changes the code a little, one place at a time, and looks whether a test
 * notices. A run takes minutes per file, so it is never part of `npm test`.
 *
 * @type {import('@stryker-mutator/core').PartialStrykerOptions}
 */
export default {
  testRunner: 'vitest',
  vitest: { configFile: 'vitest.mutate.config.ts', related: false },
  plugins: ['@stryker-mutator/vitest-runner'],
  mutate: ['src/lock/**/*.ts', 'src/pool/**/*.ts'],
  // Vitest needs none, and what rewrites it wants an older compiler.
  tsconfigFile: 'tsconfig.mutate.json',
  // Only the tests that reach the place run, and the first that fails ends them.
  coverageAnalysis: 'perTest',
  ignoreStatic: true,
  mutator: {
    // The words of a message are for people. Tests hold those that matter; an emptied one is no fault of logic.
    excludedMutations: ['StringLiteral'],
  },
  concurrency: 2,
  timeoutMS: 5000,
  timeoutFactor: 2,
  incremental: true,
  incrementalFile: '.build/mutation/incremental.json',
  tempDirName: '.build/mutation/sandbox',
  reporters: ['clear-text', 'progress', 'html', 'json'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  htmlReporter: { fileName: '.build/mutation/report.html' },
  jsonReporter: { fileName: '.build/mutation/report.json' },
  thresholds: { high: 95, low: 85, break: null },
  ignorePatterns: [
    '.build',
    'dist',
    'docs/benchmarks',
    'docs/reference/api',
    'bench',
    'chaos',
    'examples',
    '.github',
  ],
}
