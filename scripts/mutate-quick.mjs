/**
 * `npm run mutate:quick -- src/lock/session`: makes the changes of StrykerJS one after another in one process, which is about
 * ten times as fast as `npm run mutate`. It resumes where an earlier run for the same sources ended.
 *
 *   --tests PLACES   files and folders of tests, separated by commas; the unit tests of lock and pool without it
 *   --max-ms N       slower tests do not count; 100 without it
 *   --again          forgets earlier results
 *
 * A change is noticed if a test fails with it twice, and passes without it twice.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { filesAt } from './mutation/files-at.mjs'

const RESULTS = '.build/mutation/quick.jsonl'
/** A change that makes a test hang without end costs the process. It is noticed, and the next process goes on behind it. */
const MOST_PROCESSES = 50

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tests: { type: 'string', default: 'test/unit/lock,test/unit/pool' },
    'max-ms': { type: 'string', default: '100' },
    again: { type: 'boolean', default: false },
  },
})
const sources = filesAt(positionals.join(','))
mkdirSync('.build/mutation', { recursive: true })
if (values.again) rmSync(RESULTS, { force: true })
const env = {
  ...process.env,
  MUTATE_SOURCES: sources.join(','),
  MUTATE_TESTS: values.tests,
  MUTATE_MAX_MS: values['max-ms'],
  MUTATE_RESULTS: RESULTS,
}
let status = null
for (let i = 0; i < MOST_PROCESSES && status !== 0; i++) {
  const before = results().length
  const args = ['vitest', 'run', '--config', 'vitest.mutate-quick.config.mjs']
  ;({ status } = spawnSync('npx', args, { env, stdio: ['ignore', 'ignore', 'inherit'] }))
  // Not a change, but something else is wrong.
  if (status !== 0 && results().length === before) break
}
report()
process.exitCode = status ?? 1

function results() {
  if (!existsSync(RESULTS)) return []
  const lines = readFileSync(RESULTS, 'utf8').trim().split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line))
}

function report() {
  const table = {}
  const left = []
  for (const change of results().filter(({ path }) => sources.includes(path))) {
    const row = (table[change.path] ??= { noticed: 0, left: 0, atLoad: 0, share: '' })
    row[change.verdict]++
    if (change.verdict === 'left') left.push(change)
    row.share = `${((100 * row.noticed) / (row.noticed + row.left)).toFixed(1)} %`
  }
  for (const { path, line, column, kind, replacement } of left)
    process.stdout.write(`${path}:${line}:${column} ${kind}: ${replacement.replaceAll(/\s+/g, ' ')}\n`)
  for (const [path, row] of Object.entries(table))
    process.stdout.write(`${path}: ${row.noticed} noticed, ${row.left} left, ${row.share}\n`)
}
