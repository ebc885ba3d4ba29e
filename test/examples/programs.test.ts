import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { Started } from '../support/command-line.js'
import { lockWorld } from '../support/lock-world.js'
import { ROOT } from '../support/repository.js'

const world = lockWorld()

/**
 * The examples are compiled against the built package, as a user would do it. The Node.js that runs the tests may not
 * run TypeScript.
 */
const FOLDER = join(ROOT, '.build', 'recipes')

const COMPILER = {
  extends: '../../tsconfig.json',
  compilerOptions: {
    noEmit: false,
    rootDir: '../../examples',
    outDir: '.',
    declaration: false,
    isolatedDeclarations: false,
    paths: {},
  },
  include: ['../../examples/*.ts'],
}

beforeAll(() => {
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(join(FOLDER, 'tsconfig.json'), JSON.stringify(COMPILER))
  execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', FOLDER])
}, 60_000)

/** The text that each program prints, and the signal that ends it if it does not end by itself. */
const PROGRAMS: readonly {
  readonly name: string
  readonly says: string
  readonly signal?: NodeJS.Signals
}[] = [
  { name: 'cache-without-stampede', says: '1000 callers, computed 1 time' },
  { name: 'cron-on-one-node', says: 'ran the report of this minute' },
  { name: 'graceful-shutdown', says: 'one more piece of work is done', signal: 'SIGTERM' },
  { name: 'leader-with-fencing', says: 'leads, token', signal: 'SIGINT' },
  { name: 'migrate-once', says: 'done: 001 customers' },
  { name: 'one-customer-at-a-time', says: 'POST to http://localhost', signal: 'SIGTERM' },
  { name: 'queue-worker', says: 'task 10' },
  { name: 'rate-limit', says: '12 calls, no more than 5 in any second' },
  { name: 'shared-with-other-languages', says: 'held' },
]

test.each(PROGRAMS)('$name runs as a program, and ends by itself', async ({ name, says, signal }) => {
  const env = { PATH: process.env['PATH'], DATABASE_URL: world.database.url, PORT: '0' }
  const program = new Started(process.execPath, [join(FOLDER, `${name}.js`)], env, null)

  await program.says(says)
  if (signal !== undefined) program.kill(signal)

  expect(await program.ended, program.err).toBe(0)
})

test('every example is run', () => {
  const files = readdirSync(join(ROOT, 'examples')).filter((file) => file.endsWith('.ts'))
  expect(PROGRAMS.map(({ name }) => `${name}.ts`)).toEqual(files.toSorted())
})
