import { describe, expect, test } from 'vitest'
import { lockpool, MAIN } from '../support/command-line.js'
import { mariaDbWorld } from '../support/mariadb-world.js'
import { noMariaDb } from '../support/own-mariadb.js'
import { hasTmux, VirtualTerminal } from '../support/tmux.js'

interface Outcome {
  readonly exit: number | NodeJS.Signals
  readonly out: string
  readonly err: string
}

describe.skipIf(noMariaDb !== null)(noMariaDb ?? 'the program with MariaDB', () => {
  const world = mariaDbWorld()

  async function run(...args: string[]): Promise<Outcome> {
    const started = lockpool(args, { url: world.url })
    const exit = await started.ended
    return { exit, out: started.out.toString(), err: started.err }
  }

  test('run holds the lock while the command runs, and names the holder when the lock is unavailable', async () => {
    const ran = await run('run', 'job', '--', 'sh', '-c', 'echo "$LOCKPOOL_TOKEN"')
    expect(ran).toMatchObject({ exit: 0, err: '' })
    expect(BigInt(ran.out.trim())).toBeGreaterThan(0n)

    const lock = await world.pool().acquire('job')
    const busy = await run('run', 'job', '--wait', '2s', '--', 'true')
    expect(busy).toMatchObject({ exit: 75, err: expect.stringContaining('holds it') })
    expect(await run('run', 'job', '--shared', '--', 'true')).toMatchObject({ exit: 78 })
    await lock.release()
  })

  test('ls and who show holders and waiters by name, and break ends the holder', async () => {
    const [a, b] = [world.pool(), world.pool()]
    const lock = await a.acquire('invoice 4711')
    const permit = await a.semaphore('pdf', 3).acquire()
    const waiting = b.acquire('invoice 4711')
    // The pool records the names of its keys once a second.
    const names = `SELECT COUNT(*) AS n FROM ${new URL(world.url).pathname.slice(1)}.lockpool_key_name WHERE name IN ('invoice 4711', 'pdf')`
    await expect
      .poll(async () => Number((await world.server.query<{ n: unknown }>(names))[0]!.n), { timeout: 10_000 })
      .toBe(2)

    const listed = JSON.parse((await run('ls', '--json')).out) as {
      locks: { title: string; waiters: unknown[] }[]
    }
    expect(listed.locks.map(({ title, waiters }) => [title, waiters.length])).toEqual([
      ['invoice 4711', 1],
      ['pdf', 0],
    ])
    expect(await run('who', 'invoice 4711')).toMatchObject({
      exit: 0,
      out: expect.stringContaining('waits in its process'),
    })
    expect(await run('who', '--semaphore', 'pdf')).toMatchObject({
      exit: 0,
      out: expect.stringContaining('3 permits'),
    })
    expect(await run('who', 'nothing')).toMatchObject({ exit: 1 })
    expect(await run('who', '--table', 'orders')).toMatchObject({ exit: 64 })

    const broken = await run('break', 'invoice 4711', '--yes')
    expect(broken).toMatchObject({ exit: 0, out: expect.stringContaining('also loses: pdf') })
    await (await waiting).release()
    expect(lock.state).toBe('lost')
    await expect.poll(() => permit.state).toBe('lost')
  })

  test('top prints one snapshot without a terminal', async () => {
    const lock = await world.pool().acquire('nightly')
    await expect.poll(async () => (await run('top')).out, { timeout: 10_000 }).toMatch(/^nightly +advisory/m)
    expect(JSON.parse((await run('top', '--json')).out)).toMatchObject({ locks: [{ title: 'nightly' }] })
    await lock.release()
  })

  test.skipIf(!hasTmux)('top continues after the server was away, and ends sessions', async () => {
    const lock = await world.pool().acquire('first')
    const env = {
      PATH: process.env['PATH'],
      TERM: 'xterm-256color',
      LANG: 'C.UTF-8',
      LOCKPOOL_URL: world.url,
    }
    using terminal = new VirtualTerminal(env, 110, 20)
    await terminal.shows('ready>')
    terminal.type(`${process.execPath} ${MAIN} top -i 200ms; echo "exit $?"`, 'Enter')
    await terminal.shows(/^first +advisory/m)

    await world.server.halt('SIGKILL')
    await terminal.shows(/cannot be used/)
    await world.server.boot()
    await expect.poll(() => lock.state, { timeout: 10_000 }).toBe('lost')
    const next = await world.pool().acquire('second', { timeoutMs: 20_000 })
    await terminal.shows(/^second +advisory/m)
    terminal.type('/', 's', 'e', 'c', 'o', 'n', 'd', 'Enter')
    await terminal.shows(/only with "second"/)
    terminal.type('Down', 'K')
    await terminal.shows(/End lockpool .*\?/)
    terminal.type('y')

    await expect.poll(() => next.state, { timeout: 10_000 }).toBe('lost')
    await terminal.shows(/has ended/)
    terminal.type('q')
    await terminal.shows(/exit 0/)
  })

  test('without a list of locks only locks with recorded names are found', async () => {
    const pool = world.pool()
    const lock = await pool.acquire('unlisted')
    await world.server.query(`UNINSTALL SONAME 'metadata_lock_info'`)
    try {
      await expect.poll(async () => (await run('ls')).out, { timeout: 10_000 }).toContain('unlisted')
      expect(await run('who', 'unlisted')).toMatchObject({ exit: 0 })
      expect((await run('doctor')).out).toContain('does not list named locks')
    } finally {
      await world.server.query(`INSTALL SONAME 'metadata_lock_info'`)
    }
    await lock.release()
  })

  test('doctor says whether a server is suitable', async () => {
    await world.pool().ready()
    expect(await run('doctor')).toMatchObject({ exit: 0, out: expect.stringContaining('all is well') })

    await world.server.query('SET GLOBAL read_only = 1')
    try {
      expect(await run('doctor')).toMatchObject({ exit: 1, out: expect.stringContaining('read-only') })
    } finally {
      await world.server.query('SET GLOBAL read_only = 0')
    }
    expect(await run('doctor', '--url', 'mysql://x:y@127.0.0.1:1/z')).toMatchObject({ exit: 1 })
  })

  describe('with locks in rows', () => {
    const namespace = ['--namespace', 'rows']

    test('install makes what they need, and run holds one in both modes', async () => {
      expect(await run('install', '--backend', 'table')).toMatchObject({
        exit: 0,
        out: expect.stringContaining('backend "table"'),
      })
      expect(await run('install', '--backend', 'table', '--role', 'app')).toMatchObject({ exit: 64 })
      const order = ['run', 'job', ...namespace, '--backend', 'table']
      const ran = await run(...order, '--', 'sh', '-c', 'echo "$LOCKPOOL_TOKEN"')
      expect(ran).toMatchObject({ exit: 0, err: '' })
      expect(BigInt(ran.out.trim())).toBeGreaterThan(0n)
      expect(await run(...order, '--shared', '--', 'true')).toMatchObject({ exit: 0 })
      // The runs before have set the backend of the namespace.
      expect(await run('run', 'job', ...namespace, '--', 'true')).toMatchObject({
        exit: 78,
        err: expect.stringContaining('backend "table"'),
      })
    })

    test('ls and who show holders and waiters by name, and break ends the holder', async () => {
      const table = { backend: 'table', namespace: 'rows' } as const
      const [a, b] = [world.pool(table), world.pool(table)]
      const lock = await a.acquire('invoice 12')
      const permit = await a.semaphore('prints', 2).acquire()
      const waiting = b.acquire('invoice 12')
      const lost = new Promise((resolve) => lock.signal.addEventListener('abort', resolve))
      const listed = async (): Promise<unknown[]> => {
        const { locks } = JSON.parse((await run('ls', '--json')).out) as {
          locks: { title: string; waiters: unknown[] }[]
        }
        return locks
          .map(({ title, waiters }) => [title, waiters.length])
          .toSorted((x, y) => (String(x) < String(y) ? -1 : 1))
      }
      // The pool records the names of its keys once a second.
      await expect.poll(listed, { timeout: 20_000, interval: 500 }).toEqual([
        [expect.stringContaining('invoice 12'), 1],
        [expect.stringContaining('prints'), 0],
      ])
      expect(await run('who', 'invoice 12', ...namespace)).toMatchObject({
        exit: 0,
        out: expect.stringContaining(`pid ${a.snapshot().sessions[0]!.serverId}`),
      })
      expect(await run('break', 'invoice 12', ...namespace, '--yes')).toMatchObject({ exit: 0 })
      await lost
      await permit.release().catch(() => undefined)
      await (await waiting).release()
    })
  })
})
