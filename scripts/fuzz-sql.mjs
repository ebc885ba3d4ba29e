/**
 * `npm run fuzz:sql`: query strings at random for the recognizer of `lockpool serve`, judged by PostgreSQL's own parser.
 *
 *   --count N   so many; 1,000,000 without
 *   --seed N    the first of them; 1 without
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
