import { expect, test } from 'vitest'
import { lockpool } from '../support/command-line.js'
import { lockWorld } from '../support/lock-world.js'

const world = lockWorld()

const run = (...args: string[]) => lockpool(['run', ...args], { url: world.database.url })

test('with --permits up to N runs work at once, each with a number of its own', async () => {
  const its = [1, 2].map(() =>
    run('pdf', '--permits', '2', '--', 'sh', '-c', 'echo "$LOCKPOOL_PERMIT"; exec sleep 60'),
  )
  await Promise.all(its.map((it) => it.says('\n')))

  expect(its.map((it) => it.out.toString()).toSorted()).toEqual(['1\n', '2\n'])
  const third = run('pdf', '--permits', '2', '--no-wait', '--', 'true')
  expect(await third.ended).toBe(75)
  expect(third.err).toBe('lockpool: semaphore "pdf" is busy: another process holds it\n')
  const lock = run('pdf', '--no-wait', '--', 'sh', '-c', 'printf "[$LOCKPOOL_PERMIT]"')
  expect(await lock.ended, 'the lock of the same name is another one').toBe(0)
  expect(lock.out.toString()).toBe('[]')

  for (const it of its) it.kill('SIGTERM')
  expect(await Promise.all(its.map((it) => it.ended))).toEqual([143, 143])
  expect(await world.locks()).toEqual([])
})

test('several keys are taken together, or not at all', async () => {
  const both = run('a', 'b c', '--json', '--', 'sh', '-c', 'echo "$LOCKPOOL_KEY"; echo "$LOCKPOOL_TOKEN"')
  expect(await both.ended, both.err).toBe(0)
  expect(both.out.toString()).toMatch(/^a\nb c\n\d+ \d+\n$/)
  expect(both.events.at(-1)).toMatchObject({ event: 'released', key: 'a, b c', keys: ['a', 'b c'] })

  const held = await world.pool().acquire('b c')
  const attempt = run('a', 'b c', '--no-wait', '--', 'true')
  expect(await attempt.ended).toBe(75)
  expect(attempt.err).toBe('lockpool: lock "a", lock "b c" is busy: another process holds it\n')
  const late = run('a', 'b c', '--wait', '2s', '--', 'true')
  expect(await late.ended).toBe(75)
  expect(late.err).toMatch(/ is busy: .+ holds it; gave up after 2s\n$/)
  await held.release()
  expect(await world.locks()).toEqual([])
})

test('a command that runs for longer than --timeout is ended, and the lock is free', async () => {
  const it = run('k', '--timeout', '300ms', '--json', '--', 'sleep', '60')

  expect(await it.ended).toBe(124)
  expect(it.events.map(({ event }) => event)).toEqual(['acquired', 'started', 'timeout', 'ended', 'released'])
  expect(it.events[2]).toMatchObject({ afterMs: 300, exitCode: 124 })
  expect(await world.locks()).toEqual([])
})

test('a command that ends before --timeout ends as usual', async () => {
  const it = run('k', '--timeout', '1h', '--', 'sh', '-c', 'exit 7')

  expect(await it.ended).toBe(7)
  expect(it.err).toBe('')
})

test('a run that waits says who holds the lock, and so does one that does not wait', async () => {
  const held = await world.pool({ applicationName: 'billing' }).acquire('k')
  const it = run('k', '--wait', '30s', '-v', '--', 'true')
  await expect
    .poll(() => it.err, { timeout: 10_000 })
    .toMatch(
      /lockpool: waiting for lock "k", for at most 30s\n[^]*lock "k" is held by billing \(pid \d+, client 127\.0\.0\.1\)\n/,
    )
  const attempt = run('k', '--no-wait', '-v', '--', 'true')
  expect(await attempt.ended).toBe(75)
  expect(attempt.err).toMatch(/lock "k" is busy: billing \(pid \d+, client 127\.0\.0\.1\) holds it\n$/)
  await held.release()

  expect(await it.ended).toBe(0)
})

test('LOCKPOOL_NAMESPACE applies to run, who and break', async () => {
  const held = await world.pool({ namespace: 'shop' }).acquire('k')
  const here = { url: world.database.url, env: { LOCKPOOL_NAMESPACE: 'shop' } }

  const busy = lockpool(['run', 'k', '--no-wait', '--', 'true'], here)
  const who = lockpool(['who', 'k'], here)
  expect(await Promise.all([busy.ended, who.ended])).toEqual([75, 0])
  expect(await run('k', '--no-wait', '--', 'true').ended).toBe(0)
  const broken = lockpool(['break', 'k', '--yes'], here)

  expect(await broken.ended, broken.err).toBe(0)
  await expect.poll(() => held.state, { timeout: 5000 }).toBe('lost')
})
