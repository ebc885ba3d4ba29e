/**
 * `npm run fuzz:sql`: gives random query strings to the recognizer of `lockpool serve`, and compares it with
 * PostgreSQL's own parser.
 *
 *   --count N   how many query strings, 1,000,000 by default
 *   --seed N    the first seed, 1 by default
 */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: { count: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } },
})
const env = { ...process.env, SQL_COUNT: values.count, SQL_SEED: values.seed }
const args = ['vitest', 'run', '--project', 'unit', 'test/unit/serve/sql/fuzz.test.ts']
const { status } = spawnSync('npx', args, { env, stdio: 'inherit' })
process.exitCode = status ?? 1
