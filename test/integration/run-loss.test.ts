import { expect, test } from 'vitest'
import { isAlive, lockpool, type Started } from '../support/command-line.js'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()

const run = (...args: string[]) => lockpool(['run', ...args], { url: world.database.url })

/** Ends the session that holds the lock. */
async function loseLock(): Promise<void> {
  const [lock] = await world.locks()
  await world.terminate(lock!.pid)
}

function pidsOf(it: Started): number[] {
  return it.out.toString().trim().split('\n').map(Number)
}

test('when the lock is lost, the command gets a signal, and the exit code is 76', async () => {
  const it = run(
    'k',
    '--json',
    '--',
    'sh',
    '-c',
    `trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done`,
  )
  await it.says('ready')

  await loseLock()

  expect(await it.ended).toBe(76)
  expect(it.out.toString()).toBe('ready\nbye\n')
  expect(it.events.map(({ event }) => event)).toContain('lost')
  expect(it.events.map(({ event }) => event)).not.toContain('killing')
  expect(await it.tells('lost')).toMatchObject({ heldMs: expect.any(Number), reason: expect.any(String) })
})

test('a command that does not end is killed after the grace, with all processes it has started, in any group', async () => {
  const stubborn = `trap '' TERM INT HUP; echo $$; while :; do sleep 0.05; done`
  const it = run(
    'k',
    '--kill-after',
    '300ms',
    '--',
    'sh',
    '-c',
    `
    sh -c "${stubborn.replaceAll('$', String.raw`\$`)}" &
    setsid sh -c "${stubborn.replaceAll('$', String.raw`\$`)}" &
    ${stubborn}`,
  )
  await expect.poll(() => it.out.toString().split('\n').length, { timeout: 10_000 }).toBe(4)
  const since = performance.now()

  await loseLock()

  expect(await it.ended).toBe(76)
  expect(performance.now() - since).toBeGreaterThan(250)
  expect(it.err).toMatch(/still running 300ms after SIGTERM: sending SIGKILL/)
  const pids = pidsOf(it)
  expect(pids).toHaveLength(3)
  await expect.poll(() => pids.filter(isAlive), { timeout: 5000 }).toEqual([])
})

test('a command that was stopped is ended as well', async () => {
  const it = run('k', '--kill-after', '5s', '--', 'sh', '-c', 'echo $$; kill -STOP $$; echo woke')
  await it.says('\n')

  await loseLock()

  expect(await it.ended).toBe(76)
  expect(pidsOf(it).filter(isAlive)).toEqual([])
})

test('the end of the session while waiting changes nothing: the wait continues', async () => {
  const held = await world.pool().acquire('k')
  const it = run('k', '--json', '--', 'echo', 'ran')
  await it.tells('waiting')
  const { rows } = await world.database.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE application_name = 'lockpool run' AND datname = current_database()`,
  )

  await world.terminate(...rows.map(({ pid }) => pid))
  await held.release()

  expect(await it.ended).toBe(0)
  expect(it.out.toString()).toBe('ran\n')
})
