/** Not a test: runs all tests for each change. It has to run inside vitest, because only vitest can run the tests. */
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { describe, test } from 'vitest'
import { attempt, testsIn } from './attempt.mjs'
import { filesAt, placeOf } from './places.mjs'
import { Watchdog } from './watchdog.mjs'

const { MUTATE_TESTS, MUTATE_RESULTS, MUTATE_CURRENT } = process.env
const MOST_MS = Number(process.env.MUTATE_MAX_MS)
const stryker = (globalThis.__stryker__ ??= {})
// The changed sources keep this object.
stryker.mutantCoverage ??= { static: {}, perTest: {} }

for (const file of filesAt(MUTATE_TESTS, (path) => path.endsWith('.test.ts'))) {
  describe(file, async () => {
    await import(pathToFileURL(file).href)
  })
}

test('every change', { timeout: 0 }, async ({ task }) => {
  const changes = JSON.parse(readFileSync('.build/mutation/changes.json', 'utf8'))
  const tests = await usable(testsIn(task.file).filter((each) => each !== task))
  const known = new Set(earlier().map(placeOf))
  const watchdog = new Watchdog()
  for (const change of changes) {
    if (known.has(placeOf(change))) continue
    writeFileSync(MUTATE_CURRENT, JSON.stringify(change))
    watchdog.begin()
    const verdict = await judge(change, tests)
    appendFileSync(MUTATE_RESULTS, `${JSON.stringify({ ...change, ...verdict })}\n`)
  }
  rmSync(MUTATE_CURRENT, { force: true })
})

function earlier() {
  if (!existsSync(MUTATE_RESULTS)) return []
  return readFileSync(MUTATE_RESULTS, 'utf8').split('\n').filter(Boolean).map(JSON.parse)
}

/** The tests that pass twice and are fast, each with its number of hits per change; the fastest first. */
async function usable(tests) {
  const found = []
  for (const [i, each] of tests.entries()) {
    // The first run also loaded modules.
    if (each.result?.state !== 'pass' || each.result.duration > 5 * MOST_MS) continue
    stryker.currentTestId = `test ${i}`
    const since = performance.now()
    const failure = await attempt(each)
    const ms = performance.now() - since
    stryker.currentTestId = undefined
    if (failure !== null || ms > MOST_MS || (await attempt(each)) !== null) continue
    found.push({ each, ms, hits: stryker.mutantCoverage.perTest[`test ${i}`] ?? {} })
  }
  process.stderr.write(`${found.length} of ${tests.length} tests count\n`)
  return found.toSorted((a, b) => a.ms - b.ms)
}

async function judge({ id }, tests) {
  const reaching = tests.filter(({ hits }) => id in hits)
  for (const { each, hits } of reaching) {
    const withIt = () => attemptWith(id, hits[id], each)
    const isNoticed =
      (await withIt()) !== null &&
      (await attempt(each)) === null &&
      (await withIt()) !== null &&
      (await attempt(each)) === null
    if (isNoticed) return { verdict: 'noticed', by: each.name }
  }
  // Code that runs once, when a module is loaded, cannot be switched on later.
  return { verdict: reaching.length === 0 && id in stryker.mutantCoverage.static ? 'atLoad' : 'left' }
}

async function attemptWith(id, usualHits, each) {
  stryker.activeMutant = id
  // An endless loop becomes an error.
  stryker.hitCount = 0
  stryker.hitLimit = usualHits * 100 + 1000
  const failure = await attempt(each)
  stryker.activeMutant = undefined
  return failure
}
