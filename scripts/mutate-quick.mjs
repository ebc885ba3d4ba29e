/**
 * `npm run mutate:quick -- src/lock/session`: makes the changes of StrykerJS one after another in one process, which is about
 * ten times as fast as `npm run mutate`. It continues where an earlier run for the same sources ended.
 *
 *   --tests PLACES   files and folders of tests, separated by commas; by default the unit tests of lock and pool
 *   --max-ms N       leaves out slower tests; by default 100
 *   --again          ignores earlier results
 *
 * A change is noticed if a test fails with it twice, and passes without it twice.
 */
import { spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { filesAt, placeOf } from './mutation/places.mjs'

const RESULTS = '.build/mutation/quick.jsonl'
/** The current change. */
const CURRENT = '.build/mutation/current.json'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tests: { type: 'string', default: 'test/unit/lock,test/unit/pool' },
    'max-ms': { type: 'string', default: '100' },
    again: { type: 'boolean', default: false },
  },
})
if (positionals.length === 0) {
  process.stderr.write('usage: npm run mutate:quick -- PLACE... [--tests PLACES] [--max-ms N] [--again]\n')
  process.exit(64)
}
const sources = filesAt(positionals.join(','))
mkdirSync('.build/mutation', { recursive: true })
if (values.again) rmSync(RESULTS, { force: true })
const env = {
  ...process.env,
  MUTATE_SOURCES: sources.join(','),
  MUTATE_TESTS: values.tests,
  MUTATE_MAX_MS: values['max-ms'],
  MUTATE_RESULTS: RESULTS,
  MUTATE_CURRENT: CURRENT,
}
for (;;) {
  rmSync(CURRENT, { force: true })
  const args = ['vitest', 'run', '--config', 'vitest.mutate-quick.config.mjs']
  spawnSync('npx', args, { env, stdio: ['ignore', 'ignore', 'inherit'] })
  if (!existsSync(CURRENT)) break
  // The change made a test hang, or fill the memory. The next process continues after it.
  const fatal = {
    ...JSON.parse(readFileSync(CURRENT, 'utf8')),
    verdict: 'noticed',
    by: 'the end of the process',
  }
  appendFileSync(RESULTS, `${JSON.stringify(fatal)}\n`)
}
report()
const open = changes().length - judged().length
if (open > 0) process.stderr.write(`${open} changes were not tried\n`)
process.exitCode = open > 0 ? 1 : 0

function changes() {
  return JSON.parse(readFileSync('.build/mutation/changes.json', 'utf8'))
}

/** Leaves out results of an earlier run whose place in the sources no longer exists. */
function judged() {
  const places = new Set(changes().map(placeOf))
  return results().filter((each) => places.has(placeOf(each)))
}

function results() {
  if (!existsSync(RESULTS)) return []
  const lines = readFileSync(RESULTS, 'utf8').trim().split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line))
}

function report() {
  const table = {}
  const left = []
  for (const change of judged()) {
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
