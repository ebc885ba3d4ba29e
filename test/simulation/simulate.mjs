/**
 * `npm run simulate`: runs the simulation longer than `npm test` does.
 *
 *   --seeds N   the number of seeds of each kind
 *   --from N    the first seed
 *   --steps N   the number of chances for faults in each run of "any processes, any clocks, any faults"
 *   --seed N    only this seed, to repeat a failure; needs the same --steps
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
