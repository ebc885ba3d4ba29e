import { writeFileSync } from 'node:fs'
import { defineConfig } from 'vitest/config'
import { changedSources } from './scripts/mutation/changed-sources.mjs'

const { texts, changes } = await changedSources(process.env.MUTATE_SOURCES.split(','))
writeFileSync('.build/mutation/changes.json', JSON.stringify(changes))

/** @see scripts/mutate-quick.mjs */
export default defineConfig({
  plugins: [{ name: 'changes', enforce: 'pre', transform: (_, id) => texts.get(id.split('?')[0]) }],
  test: {
    include: ['scripts/mutation/every-change.test.mjs'],
    // A test that a change makes wait forever fails after this long.
    testTimeout: 1000,
    pool: 'forks',
    // What a change breaks is counted where it happens.
    dangerouslyIgnoreUnhandledErrors: true,
  },
})
