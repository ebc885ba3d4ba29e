import { afterAll, beforeAll, expect, test } from 'vitest'
import { startFront, startServer, type Server, type Target } from '../../../drivers/target.js'
import { DRIVER_TRACES } from '../../../drivers/twins/driver-traces.js'
import type { Frame } from '../../../drivers/twins/frames.js'
import type { Group } from '../../../drivers/twins/random-script.js'
import { compareScript, inWords, runTwins, type Ports } from '../../../drivers/twins/twins.js'
import { startEmbedded } from '../../support/own-server.js'

/** `npm run drivers -- --twins N --seed N` runs more scripts. */
const SEEDS = 15

let server: Server | undefined
let front: Target | undefined
let ports: Ports

beforeAll(async () => {
  server = await startServer(startEmbedded)
  front = await startFront(server, 'pass')
  ports = { server: server.port, front: front.port, admin: server.admin }
})

afterAll(async () => {
  await front?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

test(`${SEEDS} scripts of messages at random have the same answers and locks at the server and at the front`, async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const difference = await runTwins(seed, ports)
    expect(difference === null ? '' : inWords(difference)).toBe('')
  }
})

const query = (text: string): Group => [{ is: 'query', text }]

interface Execution {
  readonly text: string
  readonly types?: readonly number[]
  readonly formats?: readonly number[]
  readonly values?: readonly string[]
  readonly max?: number
}

const executed = ({ text, types = [], formats = [], values = [], max = 0 }: Execution): Frame[] => [
  { is: 'parse', name: '', text, types },
  { is: 'bind', portal: '', name: '', formats, values, results: [] },
  { is: 'describe', kind: 'P', name: '' },
  { is: 'execute', portal: '', max },
]

/** The same frames for the portal `p`. */
const named = (execution: Execution): Frame[] =>
  executed(execution).map((frame) => {
    if (frame.is === 'bind' || frame.is === 'execute') return { ...frame, portal: 'p' }
    return frame.is === 'describe' ? { ...frame, name: 'p' } : frame
  })

const SYNC: Frame = { is: 'sync' }
const LOCK = 'SELECT pg_advisory_lock($1)'

test.each<[string, readonly Group[]]>([
  [
    'a local setting holds in a query string of several statements, and not after it',
    [query("SET LOCAL lock_timeout = '7s'; SHOW lock_timeout"), query('SHOW lock_timeout')],
  ],
  [
    'a local setting in a pipeline holds for what follows',
    [
      [
        ...executed({ text: 'SELECT 1' }),
        ...executed({ text: "SET LOCAL lock_timeout = '7s'" }),
        ...executed({ text: 'SHOW lock_timeout' }),
        SYNC,
      ],
    ],
  ],
  [
    'a local set_config without BEGIN ends with its statement',
    [query("SELECT set_config('lock_timeout', '7s', true)"), query('SHOW lock_timeout')],
  ],
  [
    'set_config in a transaction holds for statements that are passed on as well',
    [
      query('BEGIN'),
      query('SELECT count(*) > 0 AS begun FROM pg_class'),
      query("SELECT set_config('app.tenant', '5', true)"),
      query("SELECT current_setting('app.tenant', true) AS tenant, count(*) > 0 AS b FROM pg_class"),
      [...executed({ text: "SELECT set_config('app.tenant', $1, true)", values: ['6'] }), SYNC],
      query("SELECT current_setting('app.tenant', true) AS tenant, count(*) > 0 AS b FROM pg_class"),
      query('COMMIT'),
      query(
        "SELECT coalesce(current_setting('app.tenant', true), '') AS tenant, count(*) > 0 AS b FROM pg_class",
      ),
    ],
  ],
  [
    'set_config takes its value from a parameter',
    [
      [...executed({ text: "SELECT set_config('lock_timeout', $1, false)", values: ['7s'] }), SYNC],
      query('SHOW lock_timeout'),
      [
        ...executed({ text: "SELECT set_config('lock_timeout', $1, false)", types: [20], values: ['7'] }),
        SYNC,
      ],
    ],
  ],
  [
    'a portal of SHOW that has run has no more rows',
    [[...executed({ text: 'SHOW lock_timeout', max: 1 }), { is: 'execute', portal: '', max: 0 }, SYNC]],
  ],
  [
    'a text has no byte 0',
    [
      [
        ...executed({ text: 'SELECT $1 AS a, pg_try_advisory_lock(1)', formats: [1], values: ['0007'] }),
        SYNC,
      ],
    ],
  ],
  [
    'a binary number may be too short',
    [[...executed({ text: LOCK, types: [20], formats: [1], values: ['0007'] }), SYNC]],
  ],
  [
    'a binary number may be too long',
    [[...executed({ text: LOCK, types: [21], formats: [1], values: ['00000007'] }), SYNC]],
  ],
  [
    'a cast that is written takes what the client declares',
    [25, 1043, 20, 21].map((type) => [
      ...executed({ text: 'SELECT pg_try_advisory_lock($1::int)', types: [type], values: ['7'] }),
      SYNC,
    ]),
  ],
  [
    'a cast that is written keeps its range',
    [
      [
        ...executed({ text: 'SELECT pg_try_advisory_lock($1::int)', types: [20], values: ['5000000000'] }),
        SYNC,
      ],
    ],
  ],
  [
    'a cast out of its range fails at Bind',
    [
      [
        ...executed({ text: LOCK.replace('$1', '$1::int'), types: [20], values: ['5000000000'] }).slice(0, 2),
        SYNC,
      ],
    ],
  ],
  [
    'a portal that is closed before its last row makes room for another of its name',
    [
      [
        ...named({ text: 'SELECT generate_series(1, 3)', max: 1 }),
        { is: 'close', kind: 'P', name: 'p' },
        ...named({ text: 'SELECT generate_series(4, 5)' }),
        SYNC,
      ],
    ],
  ],
  [
    'a block takes over what stands before its BEGIN in the same query string',
    [
      query('SELECT generate_series(1, 2); BEGIN; SAVEPOINT a'),
      query('SELECT pg_advisory_xact_lock(1)'),
      query('SELECT 1 / 0'),
      query('ROLLBACK TO a'),
      query('SELECT 2'),
      query('COMMIT'),
    ],
  ],
  [
    'an error in a block does not undo what stands before its BEGIN in the same query string',
    [
      query('CREATE TABLE kept (n int); BEGIN; SAVEPOINT a'),
      query('SELECT 1 / 0'),
      query('ROLLBACK TO a'),
      query('INSERT INTO kept VALUES (1)'),
      query('COMMIT'),
      query('SELECT n + 0 AS n FROM kept'),
      query('DROP TABLE kept'),
    ],
  ],
  [
    'what stands behind COMMIT in the same query string is undone by an error',
    [
      query('CREATE TABLE undone (n int)'),
      query('BEGIN; INSERT INTO undone VALUES (1); COMMIT; INSERT INTO undone VALUES (2); SELECT 1 / 0'),
      query('SELECT n + 0 AS n FROM undone'),
      query('DROP TABLE undone'),
    ],
  ],
  [
    'a local setting behind ROLLBACK in a pipeline is warned of, and holds up to the Sync',
    [
      [
        ...executed({ text: 'SELECT 1' }),
        ...executed({ text: 'ROLLBACK' }),
        ...executed({ text: "SET LOCAL lock_timeout = '7s'" }),
        ...executed({ text: 'SHOW lock_timeout' }),
        SYNC,
      ],
      [
        ...executed({ text: 'ROLLBACK' }),
        ...executed({ text: "SET LOCAL lock_timeout = '7s'" }),
        ...executed({ text: 'SHOW lock_timeout' }),
        SYNC,
      ],
    ],
  ],
  [
    'rows are not described in a transaction that has failed, and what has none is',
    [
      [
        { is: 'parse', name: 's', text: LOCK, types: [20] },
        { is: 'parse', name: 't', text: 'SET lock_timeout = 9', types: [] },
        { is: 'parse', name: 'u', text: 'SELECT generate_series(1, 3)', types: [] },
        SYNC,
      ],
      query('BEGIN'),
      query('SELECT 1 / 0'),
      [{ is: 'describe', kind: 'S', name: 's' }, SYNC],
      [{ is: 'describe', kind: 'S', name: 't' }, SYNC],
      [{ is: 'describe', kind: 'S', name: 'u' }, SYNC],
    ],
  ],
  [
    'a query string has the unnamed portal, and leaves it behind if it fails a block',
    [
      query('BEGIN'),
      query('SAVEPOINT a'),
      query('ROLLBACK TO b'),
      [{ is: 'describe', kind: 'P', name: '' }, { is: 'execute', portal: '', max: 0 }, SYNC],
      query('ROLLBACK TO a'),
      [{ is: 'describe', kind: 'P', name: '' }, SYNC],
      query('ROLLBACK'),
      [...executed({ text: 'SELECT 1' }).slice(0, 2), ...query('SHOW lock_timeout')],
      [{ is: 'execute', portal: '', max: 0 }, SYNC],
    ],
  ],
  [
    'a session that reads a key becomes its writer, and a reader again',
    [
      query('SELECT pg_advisory_lock_shared(11)'),
      query('SELECT pg_advisory_lock(11)'),
      query('SELECT pg_advisory_unlock(11)'),
      query('BEGIN'),
      query('SAVEPOINT a'),
      query('SELECT pg_advisory_xact_lock(11), pg_advisory_xact_lock_shared(11)'),
      query('ROLLBACK TO a'),
      query('COMMIT'),
    ],
  ],
  [
    'a query string ends the unnamed statement',
    [
      [...executed({ text: LOCK, values: ['7'] }), SYNC],
      query('SELECT 1'),
      [{ is: 'bind', portal: '', name: '', formats: [], values: ['8'], results: [] }, SYNC],
    ],
  ],
  ...Object.entries(DRIVER_TRACES),
])('%s', async (_, script) => {
  const difference = await compareScript(
    0,
    script.map((frames) => ({ who: 0, frames })),
    ports,
  )
  expect(difference === null ? '' : inWords(difference)).toBe('')
})
