/** `npm run simulate -- --seeds N`, or `--seed S` for one alone: the simulation with more seeds than `npm test` has time for. */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { seeds: { type: 'string' }, seed: { type: 'string' } } })
const env = { ...process.env }
if (values.seeds !== undefined) env.SEEDS = values.seeds
if (values.seed !== undefined) env.SEED = values.seed
const args = ['vitest', 'run', '--project', 'simulation', '--testTimeout', '0']
const { status } = spawnSync('npx', args, { env, stdio: 'inherit' })
process.exitCode = status ?? 1
