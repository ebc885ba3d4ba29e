import { parseArgs } from 'node:util'

export type Dialect = 'postgres' | 'mysql'
export type Backend = 'advisory' | 'named' | 'named-shared' | 'table'

/** The first backend of each is the default. */
const BACKENDS: Readonly<Record<Dialect, readonly Backend[]>> = {
  postgres: ['advisory', 'table'],
  mysql: ['named', 'named-shared', 'table'],
}

const SCENARIO_NAMES: readonly string[] = ['unflushed', 'return', 'leases', 'backends']

export const USAGE = `usage: npm run chaos -- [--minutes N] [--seed N] [--strict] [--backend advisory|table] [--serve] [--workers N] [--json FILE] [--keep FOLDER]
       npm run chaos -- --dialect mysql [--backend named|named-shared|table] [--minutes N] [--seed N] [--workers N] [--json FILE] [--keep FOLDER]
       npm run chaos -- --scenario unflushed|return|leases|backends [--rounds N]

  --minutes N   rounds of a minute each (default 2)
  --seed N      the seed of the first round; it grows by one per round (default: random)
  --strict      with \`strict: true\`: then no overlap is excused, whatever the server does
  --dialect D   mysql: on a MariaDB, which must be installed (default: postgres)
  --backend B   table: locks as rows, with the checks of --strict, in PostgreSQL behind a PgBouncer in transaction mode
                (default: advisory, with mysql named); named-shared: named locks with reader slots
  --serve       with two \`lockpool serve\` among the processes, each with a program that locks through it; faults hit
                these as well
  --workers N   processes that contend (default 4, with --serve 2)
  --json FILE   writes the results to this file
  --keep FOLDER keeps the journals of a round with findings, and the observations of the server during it
  --scenario S  repeats one hard case instead: a crash with tokens that are not written (unflushed),
                the return of an old primary (return), a failover with leases of 2 s and 30 s in strict mode (leases),
                pools of different backends that start at the same moment (backends)
  --rounds N    rounds of the scenario (default 10)`

/** The options of the command line. */
export interface ChaosOptions {
  readonly minutes: number
  readonly seed: number
  /** Whether overlaps are findings in any case. */
  readonly isStrict: boolean
  readonly dialect: Dialect
  readonly backend: Backend
  /** Whether some of the processes lock through `lockpool serve`. */
  readonly hasFronts: boolean
  readonly workers: number
  readonly json: string | null
  readonly keep: string | null
  readonly scenario: string | null
  readonly rounds: number
}

/** @throws {TypeError} that names the wrong argument. */
export function parseOptions(args: readonly string[]): ChaosOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '2' },
      seed: { type: 'string' },
      strict: { type: 'boolean', default: false },
      dialect: { type: 'string', default: 'postgres' },
      backend: { type: 'string' },
      serve: { type: 'boolean', default: false },
      workers: { type: 'string' },
      json: { type: 'string' },
      keep: { type: 'string' },
      scenario: { type: 'string' },
      rounds: { type: 'string', default: '10' },
    },
  })
  const dialect = dialectOf(values.dialect)
  const backend = backendOf(dialect, values.backend)
  if (dialect === 'mysql' && (values.strict || values.scenario !== undefined))
    throw new TypeError('--strict and --scenario are for PostgreSQL')
  if (values.serve && backend !== 'advisory')
    throw new TypeError('--serve is for --backend advisory: the locks of a front are advisory locks')
  return {
    minutes: positive('minutes', values.minutes),
    seed: values.seed === undefined ? Math.floor(Math.random() * 1e6) : positive('seed', values.seed),
    isStrict: values.strict || backend === 'table',
    dialect,
    backend,
    hasFronts: values.serve,
    workers: positive('workers', values.workers ?? (values.serve ? '2' : '4')),
    json: values.json ?? null,
    keep: values.keep ?? null,
    scenario: scenarioOf(values.scenario),
    rounds: positive('rounds', values.rounds),
  }
}

function scenarioOf(name: string | undefined): string | null {
  if (name === undefined || SCENARIO_NAMES.includes(name)) return name ?? null
  throw new TypeError(`--scenario must be one of ${SCENARIO_NAMES.join(', ')}, got "${name}"`)
}

function dialectOf(name: string): Dialect {
  if (name === 'postgres' || name === 'mysql') return name
  throw new TypeError(`--dialect must be postgres or mysql, got "${name}"`)
}

function backendOf(dialect: Dialect, name: string | undefined): Backend {
  const backends = BACKENDS[dialect]
  const backend = name === undefined ? backends[0] : backends.find((each) => each === name)
  if (backend !== undefined) return backend
  throw new TypeError(`--backend must be ${backends.join(' or ')} with ${dialect}, got "${name}"`)
}

function positive(name: string, text: string): number {
  const number = Number(text)
  if (Number.isInteger(number) && number > 0) return number
  throw new TypeError(`--${name} must be a whole number above 0, got "${text}"`)
}
