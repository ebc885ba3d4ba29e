/** Runs every row of the table "Differences from a server" in docs/guides/serve.md on a server and on a front. */
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { read, section, tableRows } from '../../support/repository.js'
import { ask, serveWorld, type Answer } from '../../support/serve-world.js'

const world = serveWorld()

interface Difference {
  /** They run one after the other on one connection. The answer to the last one counts. */
  readonly statements: readonly string[]
  readonly server: unknown
  readonly front: unknown
  /** The front runs with `--strict`. Without it, the front would answer as the server does. */
  readonly isStrict?: true
}

const refused = expect.stringMatching(/^0A000 /) as unknown
const anything = expect.anything() as unknown

const DIFFERENCES: Readonly<Record<string, Difference>> = {
  'an exclusive lock of a key that the session has in shared mode': {
    statements: ['SELECT pg_advisory_lock_shared(1)', 'SELECT pg_try_advisory_lock(1)'],
    server: [[true]],
    front: refused,
    isStrict: true,
  },
  'unlock of the exclusive lock while the session keeps the shared one': {
    statements: [
      'SELECT pg_advisory_lock(1), pg_advisory_lock_shared(1)',
      'SELECT pg_advisory_unlock(1)',
      'OTHER SELECT pg_try_advisory_lock_shared(1)',
    ],
    server: [[true]],
    front: [[false]],
    isStrict: true,
  },
  '`pg_locks` of a key that a session has in both modes': {
    statements: [
      'SELECT pg_advisory_lock(1), pg_advisory_lock_shared(1)',
      `OTHER SELECT mode FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND objsubid = 1 ORDER BY mode`,
    ],
    server: [['ExclusiveLock'], ['ShareLock']],
    front: [['ExclusiveLock']],
  },
  '`pg_backend_pid()`': {
    statements: [
      'SELECT pg_advisory_lock(77)',
      `OTHER SELECT pid = $1 AS is_its FROM pg_locks WHERE locktype = 'advisory' AND objid = 77 AND objsubid = 1`,
    ],
    server: [[true]],
    front: [[false]],
  },
  '`LISTEN`, `COPY`, `PREPARE`, two-phase commit': { statements: ['LISTEN x'], server: [], front: refused },
  '`SET ROLE`, `SET SESSION AUTHORIZATION`': {
    statements: ['SET ROLE pg_monitor'],
    server: [],
    front: refused,
  },
  '`client_encoding` other than UTF8': {
    statements: ["SET client_encoding = 'LATIN1'"],
    server: [],
    front: refused,
  },
  'an advisory function in a `WHERE`, or over a table': {
    statements: ['SELECT count(*) FROM generate_series(1, 3) AS id WHERE pg_try_advisory_lock(id)'],
    server: [['3']],
    front: refused,
  },
  'a key that one of your functions computes': {
    statements: ['SELECT pg_try_advisory_lock(my_key())'],
    server: [[true]],
    front: refused,
  },
  'a database that does not exist': {
    statements: ['DATABASE none'],
    server: expect.stringMatching(/^3D000 /),
    front: [['1']],
  },
  'a key pair whose first number lockpool reserves': {
    statements: ['SELECT pg_try_advisory_lock(1818980457, 1)'],
    server: [[true]],
    front: expect.stringMatching(/^22023 /),
  },
  'a deadlock between a lock and a row, through a pooler or two fronts': {
    statements: ['PASS UPDATE'],
    server: anything,
    front: anything,
  },
  '`current_user`, with `--others`': {
    statements: ['PASS SELECT current_user'],
    server: anything,
    front: anything,
  },
}

beforeAll(async () => {
  await world.database.query('CREATE FUNCTION my_key() RETURNS int LANGUAGE sql AS $$SELECT 7$$')
})
afterAll(() => world.database.query('DROP FUNCTION my_key()'))

async function answerOf(client: pg.Client, statements: readonly string[]): Promise<Answer> {
  let answer: Answer = []
  for (const statement of statements) {
    const [word, ...rest] = statement.split(' ')
    const text = rest.join(' ')
    if (word !== 'OTHER') answer = await ask(client, statement)
    else if (!text.includes('$1')) {
      const { rows } = await world.database.query<Record<string, unknown>>(text)
      answer = rows.map((row) => Object.values(row))
      await world.database.query('SELECT pg_advisory_unlock_all()')
    } else {
      const own = (await ask(client, 'SELECT pg_backend_pid()')) as number[][]
      const { rows } = await world.database.query<Record<string, unknown>>(text, [own[0]![0]])
      answer = rows.map((row) => Object.values(row))
    }
  }
  return answer
}

async function direct(): Promise<pg.Client> {
  const client = new pg.Client(world.database.url)
  await client.connect()
  return client
}

describe('differences from a server', () => {
  const rows = tableRows(section(read('docs/guides/serve.md'), 'Differences from a server'))

  test('are all in the table', () => {
    expect(new Set(rows.map(([what]) => what))).toEqual(new Set(Object.keys(DIFFERENCES)))
  })

  const plain = Object.entries(DIFFERENCES).filter(
    ([, { statements }]) => !/^(?:DATABASE|PASS) /.test(statements[0]!),
  )

  test.each(plain)('%s', async (_, { statements, server, front, isStrict = false }) => {
    const straight = await direct()
    try {
      expect(await answerOf(straight, statements)).toEqual(server)
    } finally {
      await straight.end()
    }
    const different = await world.client(await world.front({ isStrict }))
    expect(await answerOf(different, statements)).toEqual(front)
    if (!isStrict) return
    await ask(different, 'SELECT pg_advisory_unlock_all()')
    expect(await answerOf(await world.client(await world.front()), statements)).toEqual(server)
  })

  test('a database that does not exist', async () => {
    const url = new URL(world.database.url)
    url.pathname = '/none'
    await expect(new pg.Client(url.href).connect()).rejects.toMatchObject({ code: '3D000' })
    const refusing = await world.front()
    expect(await ask(await world.client(refusing, { database: 'none' }), 'SELECT 1')).toEqual([[1]])
    const passing = await world.front({ others: { kind: 'pass' } })
    await expect(world.client(passing, { database: 'none' })).rejects.toMatchObject({ code: '3D000' })
  })

  test('a deadlock between a lock and a row, through a pooler or two fronts', async () => {
    await world.database.query('CREATE TABLE IF NOT EXISTS deadlock AS SELECT 1 AS n')
    const deadlock = async (connect: () => Promise<pg.Client>): Promise<Answer> => {
      const [holder, owner] = [await connect(), await connect()]
      await ask(holder, 'SELECT pg_advisory_lock(804)')
      await ask(owner, "SET lock_timeout = '4s'")
      await ask(owner, 'BEGIN')
      await ask(owner, 'UPDATE deadlock SET n = 2')
      const waiting = ask(owner, 'SELECT pg_advisory_lock(804)')
      const writing = ask(holder, 'UPDATE deadlock SET n = 3')
      // The server refuses one of them. A front only ends the wait that has a time limit.
      const first = await Promise.race([waiting, writing])
      await ask(owner, 'ROLLBACK')
      await writing
      await Promise.all([holder.end(), owner.end()])
      return first
    }
    expect(await deadlock(direct)).toMatch(/^40P01 /)
    const pass = { others: { kind: 'pass' } } as const
    const fronts = [await world.front(pass), await world.front(pass)]
    let next = 0
    expect(await deadlock(() => world.client(fronts[next++]!))).toMatch(/^55P03 /)
    await world.database.query('DROP TABLE deadlock')
  })

  test('`current_user`, with `--others`', async () => {
    const passing = await world.client(await world.front({ others: { kind: 'pass' } }))
    const role = decodeURIComponent(new URL(world.database.url).username)
    expect(await ask(passing, 'SELECT current_user')).toEqual([[role]])
    const refusing = await world.client(await world.front())
    expect(await ask(refusing, 'SELECT current_user')).toEqual([['somebody']])
  })
})
