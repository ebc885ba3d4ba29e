import { describe, expect, test } from 'vitest'
import { COMMANDS } from '../../src/cli/command-table.js'
import { lockpool } from '../support/command-line.js'
import { mariaDbWorld } from '../support/mariadb-world.js'
import { noMariaDb } from '../support/own-mariadb.js'

/** What a flag does with the URL of a MariaDB. */
interface Row {
  /** The command line after the name of the command. */
  readonly args: readonly string[]
  readonly exit: number
  /** In what it prints. */
  readonly says?: RegExp
}

const OK = 0
/** Of a command that runs until SIGTERM ends it. */
const ENDED = 143
const NOTHING = ['--', 'true']

function works(args: readonly string[], says?: RegExp, exit: Row['exit'] = OK): Row {
  return { args, exit, ...(says === undefined ? {} : { says }) }
}

/** A flag that only PostgreSQL has. */
function refused(flag: string, ...args: string[]): Row {
  return { args, exit: 64, says: new RegExp(`${flag} is for PostgreSQL`) }
}

/**
 * Every flag of every command that takes the URL of a database. The lock `busy` is held; `URL` stands for the URL, which
 * all other rows have in the environment.
 */
const FLAGS: Readonly<Record<string, Readonly<Record<string, Row>>>> = {
  run: {
    url: works(['free', '--url', 'URL', ...NOTHING]),
    wait: works(['busy', '--wait', '2s', ...NOTHING], /busy/, 75),
    'no-wait': works(['busy', '-n', ...NOTHING], /busy/, 75),
    shared: works(['free', '--shared', ...NOTHING], /shared/, 78),
    permits: works(['pdf', '--permits', '2', '-n', ...NOTHING]),
    timeout: works(['free', '--timeout', '300ms', '--', 'sleep', '9'], undefined, 124),
    raw: works(['some name', '--raw', '-n', ...NOTHING]),
    'conflict-exit-code': works(['busy', '-n', '-E', '3', ...NOTHING], undefined, 3),
    'kill-after': works(
      [
        'free',
        '--timeout',
        '300ms',
        '--kill-after',
        '100ms',
        '--',
        'sh',
        '-c',
        'trap "" TERM; sleep 9; sleep 9',
      ],
      undefined,
      124,
    ),
    namespace: works(['busy', '-n', '--namespace', 'other', ...NOTHING]),
    backend: works(['free', '--backend', 'table', '--namespace', 'rows', ...NOTHING]),
    'shared-slots': works(['free', '--shared', '--shared-slots', '2', '--namespace', 'slots', ...NOTHING]),
    json: works(['free', '--json', ...NOTHING], /"event":"acquired"/),
    verbose: works(['free', '-v', ...NOTHING], /free/),
  },
  ls: {
    url: works(['--url', 'URL'], /busy/),
    kind: works(['--kind', 'semaphore'], /^(?!.*busy)/s),
    waiting: works(['--waiting'], /^(?!.*busy)/s),
    all: refused('--all', '--all'),
    'fail-on': works(['--fail-on', 'problem']),
    limit: works(['--limit', '1'], /busy/),
    json: works(['--json'], /^\{"version":1/),
  },
  who: {
    url: works(['busy', '--url', 'URL'], /busy/),
    namespace: works(['busy', '--namespace', 'other'], /not held/, 1),
    raw: works(['busy', '--raw'], /not held/, 1),
    semaphore: works(['busy', '--semaphore'], /not held/, 1),
    table: refused('--table', 'busy', '--table'),
    json: works(['busy', '--json'], /^\{"version":1/),
  },
  top: {
    url: works(['--url', 'URL'], /busy/),
    interval: works(['-i', '200ms'], /busy/),
    once: works(['--once'], /busy/),
    json: works(['--json'], /^\{"version":1/),
  },
  dashboard: {
    url: works(['--url', 'URL', '--port', '0'], /the locks of database/, ENDED),
    port: works(['--port', '0'], /the locks of database/, ENDED),
    listen: works(['--listen', '127.0.0.1', '--port', '0'], /127\.0\.0\.1/, ENDED),
    name: works(['--listen', '0.0.0.0', '--name', 'locks.internal', '--port', '0'], /locks\.internal/, ENDED),
    'allow-end': refused('--allow-end', '--allow-end'),
    json: works(['--json', '--port', '0'], /^\{"version":1/, ENDED),
  },
  break: {
    url: works(['free', '--yes', '--url', 'URL'], /not held/, 1),
    namespace: works(['busy', '--namespace', 'other', '--yes'], /not held/, 1),
    raw: works(['busy', '--raw', '--yes'], /not held/, 1),
    semaphore: works(['busy', '--semaphore', '--yes'], /not held/, 1),
    // The id of a lock session of locks in rows is as long.
    pid: works(['--pid', '9007199254740991', '--yes'], /holds no lock/, 1),
    ask: refused('--ask', 'busy', '--ask'),
    reason: refused('--ask', 'busy', '--ask', '--reason', 'x'),
    wait: refused('--ask', 'busy', '--ask', '--wait', '1s'),
    force: refused('--ask', 'busy', '--ask', '--force'),
    yes: works(['free', '--yes'], /not held/, 1),
    json: works(['free', '--yes', '--json'], /^\{"version":1/, 1),
  },
  doctor: {
    url: works(['--url', 'URL'], /all is well/),
    lease: works(['--lease', '1500ms'], /refuses a lease of 1\.5 s/, 1),
    patroni: refused('--patroni', '--patroni', 'http://127.0.0.1:1'),
    serve: refused('--serve', '--serve'),
    json: works(['--json'], /^\{"version":1/),
  },
  bench: {
    url: works(['-t', '10ms', '-c', '2', '--url', 'URL'], /2 callers/),
    time: works(['-t', '10ms', '-c', '2'], /2 callers/),
    callers: works(['-t', '10ms', '-c', '3'], /3 callers/),
    backend: works(['-t', '10ms', '-c', '2', '--backend', 'table'], /^(?!.*wake-up)/s),
    json: works(['-t', '10ms', '-c', '2', '--json'], /^\{"version":1/),
  },
  install: {
    url: works(['--url', 'URL'], /named locks are installed/),
    role: refused('--role', '--role', 'app'),
    'no-key-names': refused('--no-key-names', '--no-key-names'),
    backend: works(['--backend', 'table'], /backend "table"/),
    engine: refused('--engine', '--engine', 'distributed'),
    database: refused('--database', '--database', 'locks'),
    'strict-lease': refused('--strict-lease', '--strict-lease', '10s'),
    print: refused('--print', '--print'),
    json: works(['--json'], /"installed":true/),
  },
  'migrate-backend': {
    url: works(['--to', 'named', '--namespace', 'moved', '--url', 'URL'], /backend "named"/),
    namespace: works(['--to', 'named', '--namespace', 'moved too'], /backend "named"/),
    to: refused('--to advisory', '--to', 'advisory'),
    timeout: works(['--to', 'table', '--timeout', '100ms'], /nothing was changed/, 75),
    json: works(['--to', 'named', '--namespace', 'moved three', '--json'], /"from":null/),
  },
  uninstall: {
    url: works(['--url', 'URL'], /pass --yes/, 64),
    yes: works([], /pass --yes/, 64),
    print: works(['--print'], /DROP TABLE IF EXISTS lockpool_lease/),
    json: works(['--print', '--json'], /"statements"/),
  },
}

/** Commands for which another database is no choice, and what they say. */
const POSTGRES_ONLY: Readonly<Record<string, RegExp | null>> = {
  serve: /needs a PostgreSQL/,
  demo: /is for PostgreSQL/,
  dev: null,
  completion: null,
}

describe.skipIf(noMariaDb !== null)(noMariaDb ?? 'the flags of the commands with MariaDB', () => {
  const world = mariaDbWorld()

  async function answer(command: string, { args, exit }: Row): Promise<{ exit: unknown; text: string }> {
    const given = [command, ...args.map((each) => (each === 'URL' ? world.url : each))]
    const started = lockpool(given, args.includes('URL') ? {} : { url: world.url })
    if (exit === ENDED) {
      await expect.poll(() => started.out.length, { timeout: 20_000 }).toBeGreaterThan(0)
      started.kill('SIGTERM')
    }
    const ended = await started.ended
    return { exit: ended, text: `${started.out.toString()}${started.err}` }
  }

  test('there is a row for every flag of every command', async () => {
    const flags = await Promise.all(
      COMMANDS.filter(({ name }) => POSTGRES_ONLY[name] === undefined).map(async ({ name, load }) => [
        name,
        Object.keys((await load()).flags).toSorted(),
      ]),
    )
    const known = Object.entries(FLAGS).map(([name, rows]) => [name, Object.keys(rows).toSorted()])
    expect(Object.fromEntries(known)).toEqual(Object.fromEntries(flags))
  })

  test.each(Object.keys(FLAGS))('each flag of %s works, or is refused by its name', async (command) => {
    const locks = world.pool()
    await locks.acquire('busy')
    const rows = (): Promise<{ n: number }[]> =>
      world.server.query(
        `SELECT COUNT(*) AS n FROM ${new URL(world.url).pathname.slice(1)}.lockpool_key_name WHERE name = 'busy'`,
      )
    await expect.poll(rows, { timeout: 10_000 }).toEqual([{ n: 1 }])
    if (command === 'bench') await lockpool(['install', '--backend', 'table'], { url: world.url }).ended
    for (const [flag, row] of Object.entries(FLAGS[command]!)) {
      // oxlint-disable-next-line no-await-in-loop -- some of them load the server
      const { exit, text } = await answer(command, row)
      expect([flag, exit], text).toEqual([flag, row.exit])
      if (row.says !== undefined) expect(text, flag).toMatch(row.says)
    }
  })

  test.each(Object.entries(POSTGRES_ONLY).flatMap(([name, says]) => (says === null ? [] : [{ name, says }])))(
    '$name refuses the URL',
    async ({ name, says }) => {
      const started = lockpool([name, '--url', world.url, ...(name === 'serve' ? ['--trust'] : [])])
      expect(await started.ended).not.toBe(0)
      expect(started.err).toMatch(says)
    },
  )
})
