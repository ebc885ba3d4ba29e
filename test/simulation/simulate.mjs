/**
 * `npm run simulate`: the simulation with more than `npm test` has time for.
 *
 *   --seeds N   so many seeds of each kind
 *   --from N    beginning with this one
 *   --steps N   so many chances for faults in each run of any processes, any clocks, any faults
 *   --seed N    one seed alone: that of a failure, with the steps it had
 */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

const known = { seeds: 'SEEDS', from: 'FROM', steps: 'STEPS', seed: 'SEED' }
const options = Object.fromEntries(Object.keys(known).map((name) => [name, { type: 'string' }]))
const { values, positionals } = parseArgs({ options, allowPositionals: true })
const given = Object.entries(values).map(([name, value]) => [known[name], value])
const env = { ...process.env, ...Object.fromEntries(given) }
const args = ['vitest', 'run', '--project', 'simulation', '--testTimeout', '0', ...positionals]
const { status } = spawnSync('npx', args, { env, stdio: 'inherit' })
process.exitCode = status ?? 1
