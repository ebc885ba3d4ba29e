import { createServer, type AddressInfo } from 'node:net'
import { hostname } from 'node:os'
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { lockpool, type Started } from '../support/command-line.js'
import { lockWorld } from '../support/lock-world.js'
import { TcpProxy } from '../support/tcp-proxy.js'

const world = lockWorld()

const run = (...args: string[]) => lockpool(['run', ...args], { url: world.database.url })

test.each([
  ['its exit code', 'exit 7', 7],
  ['success', 'exit 0', 0],
  ['the largest exit code', 'exit 255', 255],
  ['a signal that ended it, as the shell would', 'kill -KILL $$', 137],
  ['SIGTERM, of its own', 'kill -TERM $$', 143],
])('run exits as the command does: %s', async (_, command, code) => {
  const it = run('k', '--', 'sh', '-c', command)

  expect(await it.ended).toBe(code)
  expect(it.err).toBe('')
})

test('standard input and output pass through unchanged, and lockpool prints nothing', async () => {
  const bytes = randomBytes(300_000)

  const it = lockpool(['run', 'k', '--', 'cat'], { url: world.database.url, input: bytes })

  expect(await it.ended).toBe(0)
  expect(it.out.equals(bytes)).toBe(true)
  expect(it.err).toBe('')
})

test('messages of -v go to standard error only', async () => {
  const it = run('k', '-v', '--', 'echo', 'hi')

  expect(await it.ended).toBe(0)
  expect(it.out.toString()).toBe('hi\n')
  expect(it.err).toMatch(/^(lockpool: .+\n)+$/)
})

test('the command gets its lock by both kinds of names', async () => {
  const variables = ['KEY', 'TOKEN', 'HOLDER'].flatMap((name) => [`$LOCK_${name}`, `$LOCKPOOL_${name}`])
  const print = `printf '%s\\n' ${[...variables, '$LOCKPOOL_MODE'].map((each) => `"${each}"`).join(' ')}`

  const it = run('a b', '--json', '--', 'sh', '-c', print)

  expect(await it.ended).toBe(0)
  const { token } = await it.tells('acquired')
  const holder = `${it.process.pid}@${hostname()}`
  expect(it.out.toString().trimEnd().split('\n')).toEqual([
    'a b',
    'a b',
    token,
    token,
    holder,
    holder,
    'exclusive',
  ])
})

test('arguments after -- go to the command, whatever they look like', async () => {
  const it = run('k', '--', 'printf', '%s|', '--json', '--', '$HOME', '*', '')

  expect(await it.ended).toBe(0)
  expect(it.out.toString()).toBe('--json|--|$HOME|*||')
})

test('a lock with another holder: exit code 75, or that of -E, at once or after the timeout', async () => {
  const held = await world.pool().acquire('k')
  const since = performance.now()

  const its = [
    run('k', '--no-wait', '--', 'echo', 'ran'),
    run('k', '-n', '-E', '0', '--', 'echo', 'ran'),
    run('k', '--wait', '0', '-E', '3', '--', 'echo', 'ran'),
    run('k', '--wait', '2s', '--', 'echo', 'ran'),
    run('k', '--shared', '-n', '--', 'echo', 'ran'),
  ]

  expect(await Promise.all(its.map((it) => it.ended))).toEqual([75, 0, 3, 75, 75])
  expect(performance.now() - since).toBeLessThan(10_000)
  expect(its.map((it) => it.out.toString())).toEqual(['', '', '', '', ''])
  expect(its[0]!.err).toBe('lockpool: lock "k" is busy: another process holds it\n')
  expect(its[3]!.err).toMatch(/^lockpool: lock "k" is busy: .+ holds it; gave up after 2s\n$/)
  await held.release()
})

test('a caller that times out gets the name of the holder', async () => {
  const held = await world.pool().acquire('k')

  // lockpool waits a fifth of a second for the holder's name. A busy machine may need longer, so the test tries again.
  await expect
    .poll(
      async () => {
        const it = run('k', '--wait', '1s', '--', 'echo', 'ran')
        await it.ended
        return it.err
      },
      { timeout: 15_000, interval: 1 },
    )
    .toMatch(/^lockpool: lock "k" is busy: .+ \(pid \d+, client 127\.0\.0\.1\) holds it; gave up after 1s\n$/)
  await held.release()
})

test.each([
  [
    ['--wiat', '3', '--', 'true'],
    64,
    /^lockpool: unknown flag --wiat; did you mean --wait\?\n.*run --help\n$/,
  ],
  [['--', ''], 64, /the command after -- is empty/],
  [['--namespace', 'x'.repeat(201), '--', 'true'], 78, /^lockpool: --namespace must be/],
  [['--', '/etc/passwd'], 126, /^lockpool: \/etc\/passwd: can't be executed \(permission denied\)\n$/],
  [['--', 'no-such-command'], 127, /^lockpool: no-such-command: not found\n$/],
])('a wrong run ends with its own code and says why: %#', async (args, code, message) => {
  const it = run('k', ...args)

  expect(await it.ended).toBe(code)
  expect(it.err).toMatch(message)
  expect(it.out.toString()).toBe('')
})

test.each([
  [[], 64, /lockpool COMMAND --help/],
  [['rnu'], 64, /^lockpool: unknown command rnu; did you mean run\?\nlockpool: see lockpool --help\n$/],
  [['--versoin'], 64, /did you mean --version\?/],
  [['run', '', '--', 'true'], 64, /must not be empty/],
  [['run', 'x'.repeat(1025), '--', 'true'], 64, /at most 1024 characters, got 1025/],
])('a wrong command line ends with 64 and says why: %#', async (args, code, message) => {
  const it = lockpool(args)

  expect(await it.ended).toBe(code)
  expect(it.err).toMatch(message)
})

test('help and version go to standard output and succeed', async () => {
  const its = [['--help'], ['help', 'run'], ['run', '--help'], ['--version']].map((args) => lockpool(args))

  expect(await Promise.all(its.map((it) => it.ended))).toEqual([0, 0, 0, 0])
  expect(its.map((it) => it.err).join('')).toBe('')
  expect(its[1]!.out).toEqual(its[2]!.out)
  expect(its[3]!.out.toString()).toMatch(/^\d+\.\d+\.\d+\n$/)
})

test('an unreachable database: exit code 69 or 78, no command is started, and no password is printed', async () => {
  const silent = createServer((socket) => socket.resume())
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as AddressInfo
  const urlWith = (change: Partial<URL>): string => Object.assign(new URL(world.database.url), change).href
  const cases: [url: string, code: number, message: RegExp][] = [
    ['postgres://u:hidden@127.0.0.1:1/x', 69, /ECONNREFUSED/],
    [urlWith({ password: 'hidden' }), 69, /password authentication failed/],
    [urlWith({ pathname: '/nowhere' }), 69, /does not exist/],
    [`postgres://u:hidden@127.0.0.1:${port}/x`, 69, /./],
    ['postgres://u:hidden@h:x/x', 78, /^lockpool: LOCKPOOL_URL can't be understood \(not a URL\)/],
    ['hidden', 78, /not a URL/],
  ]
  const secret = new URL(world.database.url).password

  const its = cases.map(([url]) => lockpool(['run', 'k', '-v', '--wait', '4s', '--', 'echo', 'ran'], { url }))
  const json = lockpool(['run', 'k', '--json', '--url', cases[0]![0], '--', 'echo', 'ran', 'hidden'])

  expect(await Promise.all(its.map((it) => it.ended))).toEqual(cases.map(([, code]) => code))
  expect(await json.ended).toBe(69)
  expect(await json.tells('failed')).toMatchObject({ code: 'CONNECTION_FAILED', exitCode: 69 })
  for (const [i, it] of [...its, json].entries()) {
    if (i < cases.length) expect(it.err).toMatch(cases[i]![2])
    expect(it.err).not.toContain('hidden')
    expect(it.err).not.toContain(secret)
    expect(it.out.toString()).toBe('')
  }
  await new Promise((resolve) => silent.close(resolve))
})

test('events are written as JSON, without the arguments of the command', async () => {
  const it = run('k', '--json', '--', 'sh', '-c', 'exit 3', 'a-secret')

  expect(await it.ended).toBe(3)
  const head = { version: 1, at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/), key: 'k' }
  const duration = expect.any(Number)
  expect(it.events).toEqual([
    {
      ...head,
      event: 'acquired',
      mode: 'exclusive',
      token: expect.stringMatching(/^\d+$/),
      waitedMs: duration,
    },
    { ...head, event: 'started', pid: duration, command: 'sh' },
    { ...head, event: 'ended', exitCode: 3, signal: null, ranMs: duration },
    { ...head, event: 'released', heldMs: duration },
  ])
  expect(it.err).not.toContain('a-secret')
})

test('with --wait a run waits for a database that is away, and says so', async () => {
  await using proxy = await TcpProxy.to(world.database.url)
  proxy.isRefusing = true
  const runs = (...flags: string[]) =>
    lockpool(['run', ...flags, '--json', '--wait', '60s', '--', 'echo', 'ran'], { url: proxy.url })

  const its = [runs('k'), runs('m', 'n'), runs('s', '--permits', '2')]
  for (const it of its) {
    const reason = expect.stringMatching(/ECONNRESET|ended/)
    expect(await it.tells('unreachable')).toMatchObject({ key: expect.any(String), reason, waitMs: 60_000 })
  }
  const hasty = lockpool(['run', 'k', '--', 'echo', 'ran'], { url: proxy.url })
  expect(await hasty.ended, 'without --wait it is told at once').toBe(69)
  proxy.isRefusing = false

  expect(await Promise.all(its.map((it) => it.ended))).toEqual([0, 0, 0])
  expect(its.map((it) => it.out.toString())).toEqual(['ran\n', 'ran\n', 'ran\n'])
  for (const it of its) expect(it.events.filter(({ event }) => event === 'unreachable')).toHaveLength(1)
})

test('when the time to wait is over, a run reports the problem of the database', async () => {
  const url = 'postgres://u:hidden@127.0.0.1:1/x'
  const it = lockpool(['run', 'k', '--wait', '1s', '--', 'echo', 'ran'], { url })

  expect(await it.ended).toBe(69)
  expect(it.err).toBe(
    'lockpool: the database cannot be used: connect ECONNREFUSED 127.0.0.1:1; gave up after 1s\n',
  )
})

test('an error says if no database or no user was given', async () => {
  const { hostname, port } = new URL(world.database.url)
  const bare = (args: string[], env: NodeJS.ProcessEnv): Started =>
    lockpool(args, { env: { USER: 'somebody', ...env } })
  const all = [
    bare(['run', 'k', '--', 'true'], { PGPORT: port, PGHOST: hostname }),
    bare(['ls'], { PGPORT: port, PGHOST: hostname }),
    bare(['doctor'], { PGPORT: port, PGHOST: hostname }),
  ]

  expect(await Promise.all(all.map((it) => it.ended))).toEqual([69, 69, 1])
  for (const it of all)
    expect(it.err + it.out.toString()).toContain(
      '; no user was given, so it is that of the system, "somebody": name one in the address (postgres://user@host), or in PGUSER',
    )
})
