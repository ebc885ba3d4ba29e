import { parseArgs } from 'node:util'

export const USAGE = `usage: npm run bench -- [--only NAME ...] [--quick] [--seconds N] [--url URL] [--json FILE] [--strict]

  --only NAME   measures only this group of rows; may be given more than once. crowd, hot-rows, mysql, open-snapshot, row-space, rows-with-leases and serve run only if named
  --quick       few and short rounds: shows that the benchmark runs; the figures mean little
  --seconds N   the seconds for which each side is measured in one round
  --url URL     measures on your server instead of one that is started for the benchmark
  --json FILE   writes the results to FILE (default bench-results.json)
  --strict      exits with 1 if a target is missed`

/** The options of the command line. */
export interface BenchOptions {
  readonly only: readonly string[]
  readonly rounds: number
  readonly seconds: number
  readonly url: string | null
  readonly json: string
  readonly isStrict: boolean
}

const USUAL = { rounds: 7, seconds: 1.5 }
const QUICK = { rounds: 3, seconds: 0.3 }

/** @throws {TypeError} which names the argument that is wrong */
export function parseOptions(args: readonly string[], groups: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', multiple: true, default: [] },
      quick: { type: 'boolean', default: false },
      seconds: { type: 'string' },
      url: { type: 'string' },
      json: { type: 'string', default: 'bench-results.json' },
      strict: { type: 'boolean', default: false },
    },
  })
  for (const name of values.only) {
    if (!groups.includes(name)) throw new TypeError(`no group is called "${name}": ${groups.join(', ')}`)
  }
  const length = values.quick ? QUICK : USUAL
  const seconds = values.seconds === undefined ? length.seconds : Number(values.seconds)
  if (!(seconds > 0)) throw new TypeError(`--seconds must be a number above 0, got "${values.seconds}"`)
  const { only, url = null, json, strict: isStrict } = values
  return { only, rounds: length.rounds, seconds, url, json, isStrict }
}
