import { parseArgs } from 'node:util'

export const USAGE = `usage: npm run chaos -- [--minutes N] [--seed N] [--strict] [--workers N] [--json FILE]

  --minutes N   rounds of a minute each (default 2)
  --seed N      of the first round; the next has the next (default: by chance)
  --strict      with \`strict: true\`: then nothing may overlap, whatever the server does
  --workers N   processes that contend (default 4)
  --json FILE   where the results go`

/** What was asked for on the command line. */
export interface ChaosOptions {
  readonly minutes: number
  readonly seed: number
  readonly isStrict: boolean
  readonly workers: number
  readonly json: string | null
}

/** @throws {TypeError} saying what can't be understood. */
export function parseOptions(args: readonly string[]): ChaosOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '2' },
      seed: { type: 'string' },
      strict: { type: 'boolean', default: false },
      workers: { type: 'string', default: '4' },
      json: { type: 'string' },
    },
  })
  return {
    minutes: positive('minutes', values.minutes),
    seed: values.seed === undefined ? Math.floor(Math.random() * 1e6) : positive('seed', values.seed),
    isStrict: values.strict,
    workers: positive('workers', values.workers),
    json: values.json ?? null,
  }
}

function positive(name: string, text: string): number {
  const number = Number(text)
  if (Number.isInteger(number) && number > 0) return number
  throw new TypeError(`--${name} must be a whole number above 0, got "${text}"`)
}
