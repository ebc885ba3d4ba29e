import { parseArgs } from 'node:util'

export const USAGE = `usage: npm run bench -- [--only NAME ...] [--quick] [--seconds N] [--url URL] [--json FILE] [--strict]

  --only NAME   only this group of rows; may be given more than once, and has to be for crowd, which takes a minute
  --quick       few and short rounds: whether it runs, not what it says
  --seconds N   how long each side is measured in one round
  --url URL     a server of your own, instead of one that is started for it
  --json FILE   where the results go (default bench-results.json)
  --strict      exit with 1 if a target is missed`

/** What was asked for on the command line. */
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

/** @throws {TypeError} saying what can't be understood. */
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
