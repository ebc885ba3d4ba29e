/**
 * Random scripts of what a client may send on one connection: lock statements, transactions and others, in both
 * protocols.
 */
import type { SeededRandom } from '../../src/testing/seeded-random.js'
import type { Frame } from './frames.js'

/** Frames that end with a Sync, or one query string. If a frame fails, the next group does not depend on how. */
export type Group = readonly Frame[]

const FUNCTIONS = [
  'pg_advisory_lock',
  'pg_advisory_lock_shared',
  'pg_try_advisory_lock',
  'pg_try_advisory_lock_shared',
  'pg_advisory_xact_lock',
  'pg_advisory_xact_lock_shared',
  'pg_try_advisory_xact_lock',
  'pg_try_advisory_xact_lock_shared',
  'pg_advisory_unlock',
  'pg_advisory_unlock_shared',
]

const EXCLUSIVE_KEYS = ['1', '2', '-3', '1, 2', "'5'", "hashtext('a')", 'NULL']
const SHARED_KEYS = ['11', '12', '3, 4']

/** Uses most keys in one mode only, so that sessions get locks often. */
function keyOf(random: SeededRandom, name: string): string {
  const isShared = name.includes('shared') !== random.chance(0.2)
  return random.pick(isShared ? SHARED_KEYS : EXCLUSIVE_KEYS)
}

function lockCall(random: SeededRandom): string {
  if (random.chance(0.05)) return 'pg_advisory_unlock_all()'
  const name = random.pick(FUNCTIONS)
  return `${random.pick(['', '', 'pg_catalog.'])}${name}(${keyOf(random, name)})`
}

const sql = (random: SeededRandom): string =>
  random.pick<() => string>([
    () => `SELECT ${lockCall(random)}`,
    () => `SELECT ${lockCall(random)}`,
    () => `SELECT ${lockCall(random)} AS x, 1 AS one, ${lockCall(random)}`,
    () => `SELECT * FROM ${lockCall(random)}`,
    () => `SELECT 'a' AS b FROM ${lockCall(random)} AS c`,
    () => `SELECT ${lockCall(random)}::text`,
    () =>
      random.pick([
        'BEGIN',
        'BEGIN',
        'START TRANSACTION READ ONLY',
        'COMMIT',
        'END',
        'ROLLBACK',
        'ABORT',
        'COMMIT AND CHAIN',
      ]),
    () =>
      random.pick(['SAVEPOINT a', 'SAVEPOINT b', 'ROLLBACK TO a', 'ROLLBACK TO b', 'RELEASE a', 'RELEASE b']),
    () =>
      random.pick([
        "SET lock_timeout = '150ms'",
        'SHOW lock_timeout',
        'SET LOCAL lock_timeout = 170',
        'RESET lock_timeout',
        'RESET ALL',
        'SHOW transaction_isolation',
        "SET application_name = 'x'",
        "SELECT set_config('application_name', 'y', false)",
      ]),
    () =>
      random.pick([
        'SELECT 1',
        'SELECT 1 / 0',
        'SELECT generate_series(1, 3) AS n',
        '',
        '-- nothing',
        'SELECT NULL',
        "SELECT 'a'::text, true, -5",
      ]),
  ])()

/**
 * The server finds these errors when it parses a statement, the front when it runs it. Each is a separate query string, which
 * ends in the same way at both.
 */
const WRONG = [
  'SELECT x',
  "SELECT pg_advisory_lock('x')",
  'SELECT pg_advisory_lock(1.5)',
  "SELECT pg_try_advisory_lock('99999999999999999999')",
]

function simple(random: SeededRandom): Group {
  if (random.chance(0.03)) return [{ is: 'query', text: random.pick(WRONG) }]
  const texts = Array.from({ length: random.pick([1, 1, 1, 2, 3]) }, () => sql(random))
  return [{ is: 'query', text: texts.join('; ') }]
}

const PREPARED: readonly (readonly [string, number])[] = [
  ['SELECT pg_advisory_lock($1)', 1],
  ['SELECT pg_try_advisory_lock($1, $2) AS x', 2],
  ['SELECT pg_advisory_unlock($1::bigint)', 1],
  ['SELECT pg_advisory_xact_lock($1::int)', 1],
  ['SELECT $1 AS a, pg_try_advisory_lock(1)', 1],
  ["SELECT pg_advisory_lock(hashtext('k' || $1))", 1],
  ['SELECT $1::int + 1', 1],
  ['SELECT generate_series(1, $1::int)', 1],
]

function extended(random: SeededRandom): Group {
  const frames: Frame[] = []
  for (let i = random.pick([1, 1, 2, 3]); i > 0; i--) frames.push(...statement(random))
  return [...frames, { is: 'sync' }]
}

function statement(random: SeededRandom): readonly Frame[] {
  const [text, count] = random.chance(0.5) ? random.pick(PREPARED) : ([sql(random), 0] as const)
  const name = random.pick(['', '', 's', 't'])
  const portal = random.pick(['', '', '', 'p'])
  const frames: Frame[] = []
  // Parse fails for a name that is in use, so the name is closed first, most of the time.
  if (name !== '' && random.chance(0.8)) frames.push({ is: 'close', kind: 'S', name })
  if (random.chance(0.93)) frames.push({ is: 'parse', name, text, types: types(random, count) })
  if (random.chance(0.3)) frames.push({ is: 'describe', kind: 'S', name })
  if (portal !== '' && random.chance(0.8)) frames.push({ is: 'close', kind: 'P', name: portal })
  if (random.chance(0.95)) frames.push(bind(random, portal, name, count))
  if (random.chance(0.5)) frames.push({ is: 'describe', kind: 'P', name: portal })
  if (random.chance(0.95)) frames.push({ is: 'execute', portal, max: random.pick([0, 0, 0, 1, 2]) })
  if (random.chance(0.1)) frames.push({ is: 'execute', portal, max: 0 })
  if (random.chance(0.15)) frames.push({ is: 'flush' })
  return frames
}

const types = (random: SeededRandom, count: number): readonly number[] =>
  random.chance(0.6) ? [] : Array.from({ length: count }, () => random.pick([0, 20, 23, 21, 25, 1043]))

function bind(random: SeededRandom, portal: string, name: string, count: number): Frame {
  const given = random.chance(0.97) ? count : count + 1
  const isBinary = random.chance(0.3)
  const value = (): string | null =>
    isBinary
      ? random.pick(['0000000000000007', '00000007', '0007'])
      : random.pick(['1', '2', '7', ' 8 ', '7', 'x', null, '5000000000'])
  return {
    is: 'bind',
    portal,
    name,
    formats: isBinary ? [1] : random.pick([[], [0]]),
    values: Array.from({ length: given }, value),
    results: random.pick([[], [0], [1]]),
  }
}

/** One group of one session. The next step begins when all answers have come. */
export interface Step {
  readonly who: 0 | 1
  readonly frames: Group
}

/**
 * A script of one session, or of two that want the same locks. A session waits for a lock for at most its lock_timeout.
 */
export function randomScript(random: SeededRandom): readonly Step[] {
  const isAlone = random.chance(0.5)
  return Array.from({ length: 1 + random.below(isAlone ? 12 : 20) }, () => ({
    who: isAlone || random.chance(0.5) ? 0 : 1,
    frames: random.chance(0.5) ? simple(random) : extended(random),
  }))
}
