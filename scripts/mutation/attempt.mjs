import { TestRunner } from 'vitest'

let stray = null
for (const event of ['unhandledRejection', 'uncaughtException']) process.on(event, (error) => (stray = error))

/** All tests below a suite. */
export function testsIn({ tasks }) {
  return tasks.flatMap((task) => (task.type === 'suite' ? testsIn(task) : [task]))
}

/** Runs a test with its hooks once more. Returns its error; null if it passed. */
export async function attempt(test) {
  const suites = suitesOf(test)
  const hooksOf = (name) => suites.flatMap((suite) => TestRunner.getSuiteHooks(suite)[name])
  const cleanUps = []
  let failure = null
  const run = async (act) => {
    try {
      return await act()
    } catch (error) {
      failure ??= error ?? 'failed'
    }
  }
  stray = null
  await run(async () => {
    for (const hook of hooksOf('beforeAll')) cleanUps.unshift(await hook(test.suite))
    for (const hook of hooksOf('beforeEach')) cleanUps.unshift(await hook(test.context, test.suite))
    await TestRunner.getTestFn(test)()
  })
  for (const hook of hooksOf('afterEach').toReversed()) await run(() => hook(test.context, test.suite))
  for (const cleanUp of cleanUps) await run(() => cleanUp?.())
  for (const hook of hooksOf('afterAll').toReversed()) await run(() => hook(test.suite))
  // Node.js reports a rejection without a handler after everything else that is due.
  await new Promise((resolve) => void setImmediate(resolve))
  return failure ?? stray
}

/** The suites of a test, the outermost first. */
function suitesOf(test) {
  const suites = []
  for (let { suite } = test; suite !== undefined; { suite } = suite) suites.unshift(suite)
  return suites[0] === test.file ? suites : [test.file, ...suites]
}
