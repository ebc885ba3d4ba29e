import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { read, ROOT } from '../support/repository.js'

const SCRIPT = '.ci/install-programs'
/** The paths of bash and of `timeout`, which limits the time of a command. Not every system has both. */
const FOUND = spawnSync('bash', ['-c', 'command -v bash timeout'], { encoding: 'utf8' }).stdout ?? ''
const [BASH = '', TIMEOUT = ''] = FOUND.split('\n')

interface Machine {
  readonly user: number
  readonly aptGet: string
  readonly env?: NodeJS.ProcessEnv
}

interface Outcome {
  readonly status: number | null
  readonly says: string
  readonly installs: readonly (string | undefined)[]
}

/** Runs the script on a machine that has only these programs. Returns what the script asked of apt-get. */
function asked(has: readonly string[], machine: Machine): Outcome {
  const folder = mkdtempSync(join(tmpdir(), 'lockpool-programs-'))
  const program = (name: string, text: string): void => {
    writeFileSync(join(folder, name), `#!${BASH}\n${text}\n`)
    chmodSync(join(folder, name), 0o755)
  }
  try {
    symlinkSync(BASH, join(folder, 'bash'))
    symlinkSync(TIMEOUT, join(folder, 'timeout'))
    program('id', `echo ${machine.user}`)
    if (machine.aptGet !== '') program('apt-get', `echo "$@" >> ${folder}/asked\n${machine.aptGet}`)
    for (const name of has) program(name, '')
    writeFileSync(join(folder, 'asked'), '')
    const { status, stdout, stderr } = spawnSync(BASH, [join(ROOT, SCRIPT)], {
      encoding: 'utf8',
      env: { ...machine.env, PATH: folder },
      timeout: 20_000,
    })
    const lines = readFileSync(join(folder, 'asked'), 'utf8').split('\n')
    const installs = lines.filter((line) => line.includes(' install ')).map((line) => line.split(' ').at(-1))
    return { status, says: stdout + stderr, installs }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const ALL = ['pgbouncer', 'chromium', 'tmux', 'zsh', 'fish', 'mariadbd', 'psql', 'python3-psycopg2']
const PACKAGES = [...ALL.slice(0, 5), 'mariadb-server', 'postgresql-client', 'python3-psycopg2']
const ROOT_USER = 0

/** An apt-get that works: it creates a program with the name of the package. */
const WORKS =
  'for it; do :; done; case " $* " in *" install "*) printf "" > "${0%/*}/$it"; /bin/chmod +x "${0%/*}/$it";; esac'

describe.skipIf(TIMEOUT === '')('on Linux', () => {
  test('missing programs are installed one by one, and others are not', () => {
    const result = asked(['chromium', 'tmux', 'mariadbd', 'psql'], { user: ROOT_USER, aptGet: WORKS })

    expect(result.installs).toEqual(['pgbouncer', 'zsh', 'fish', 'python3-psycopg2'])
    expect(result).toMatchObject({
      status: 0,
      says: 'installed: pgbouncer\ninstalled: zsh\ninstalled: fish\ninstalled: python3-psycopg2\n',
    })
  })

  test('a program is looked for by its name, and installed by that of its package', () => {
    const has = ALL.filter((name) => name !== 'mariadbd')
    const aptGet =
      'case " $* " in *" install "*) : > "${0%/*}/mariadbd"; /bin/chmod +x "${0%/*}/mariadbd";; esac'
    const result = asked(has, { user: ROOT_USER, aptGet })

    expect(result.installs).toEqual(['mariadb-server'])
    expect(result.says).toBe('installed: mariadbd\n')
  })

  test.each([
    ['everything is there', ALL, { user: ROOT_USER, aptGet: WORKS }],
    ['it may not', [], { user: 1000, aptGet: WORKS }],
    ['there is no apt-get', [], { user: ROOT_USER, aptGet: '' }],
  ])('nothing is done or said if %s', (_, has, machine) => {
    expect(asked(has, machine)).toEqual({ status: 0, says: '', installs: [] })
  })

  test('a program that cannot be installed affects no other, and is no failure', () => {
    const result = asked(['tmux', 'zsh', 'fish', 'mariadbd', 'psql', 'python3-psycopg2'], {
      user: ROOT_USER,
      aptGet: 'echo E: no network >&2; exit 100',
    })

    expect(result.installs).toEqual(['pgbouncer', 'chromium'])
    expect(result).toMatchObject({
      status: 0,
      says: 'could not be installed: pgbouncer\ncould not be installed: chromium\n',
    })
  })

  test('a browser that is named elsewhere is enough', () => {
    const has = ALL.filter((name) => name !== 'chromium')
    const machine = { user: ROOT_USER, aptGet: WORKS, env: { CHROMIUM: '/opt/chrome' } }

    expect(asked(has, machine).installs).toEqual([])
  })
})

test('the scripts that must pass install them first, and the pages name these', () => {
  expect(read('.ci/run')).toContain(`\n${SCRIPT}\n`)
  expect(read('CONTRIBUTING.md')).toContain(`apt-get install ${PACKAGES.join(' ')}`)
})
