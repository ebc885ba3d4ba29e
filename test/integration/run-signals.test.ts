import { expect, test } from 'vitest'
import { isAlive, lockpool } from '../support/command-line.js'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()

const run = (...args: string[]) => lockpool(['run', ...args], { url: world.database.url })

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
  ['SIGUSR1', 138],
] as const)('%s while waiting ends the wait, and nothing is started', async (signal, code) => {
  const held = await world.pool().acquire('k')
  const it = run('k', '--json', '--', 'echo', 'ran')
  await it.tells('waiting')

  it.kill(signal)

  expect(await it.ended).toBe(code)
  expect(it.out.toString()).toBe('')
  expect(it.events.at(-1)).toMatchObject({ event: 'interrupted', signal, exitCode: code })
  await held.release()
})

test.each([
  ['SIGINT', 'INT'],
  ['SIGTERM', 'TERM'],
  ['SIGHUP', 'HUP'],
  ['SIGQUIT', 'QUIT'],
  ['SIGUSR1', 'USR1'],
  ['SIGUSR2', 'USR2'],
] as const)('%s is passed on to the command, whose answer counts', async (signal, name) => {
  const it = run(
    'k',
    '--',
    'sh',
    '-c',
    `trap 'echo got; exit 5' ${name}; echo ready; while :; do sleep 0.05; done`,
  )
  await it.says('ready')

  it.kill(signal)

  expect(await it.ended).toBe(5)
  expect(it.out.toString()).toBe('ready\ngot\n')
})

test('a command that dies of the signal passed on: 128 and its number, and the lock is free', async () => {
  const it = run('k', '--', 'sh', '-c', 'echo ready; exec sleep 60')
  await it.says('ready')

  it.kill('SIGTERM')

  expect(await it.ended).toBe(143)
  expect(await world.locks()).toEqual([])
})

test('the lock is kept until the processes of the command have ended as well', async () => {
  const it = run(
    'k',
    '--',
    'sh',
    '-c',
    `(trap 'sleep 0.5; echo last; exit' TERM; echo ready; while :; do sleep 0.05; done) & wait`,
  )
  await it.says('ready')

  it.kill('SIGTERM')

  expect(await it.ended).toBe(143)
  expect(it.out.toString()).toBe('ready\nlast\n')
})

test('SIGKILL of ours frees the lock at once', async () => {
  const it = run('k', '--', 'sh', '-c', 'echo $$; exec sleep 60')
  await it.says('\n')
  const waiting = world.pool().acquire('k', { timeoutMs: 8000 })

  it.kill('SIGKILL')

  expect((await waiting).state).toBe('held')
  const orphan = Number(it.out.toString())
  expect(isAlive(orphan), 'nobody is left to end it').toBe(true)
  process.kill(orphan, 'SIGKILL')
  expect(await it.ended).toBe('SIGKILL')
})
