import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { lockpool, MAIN } from '../support/command-line.js'
import { lockWorld } from '../support/lock-world.js'
import { hasTmux, VirtualTerminal } from '../support/tmux.js'

const world = lockWorld()

test('without a terminal it is one snapshot', async () => {
  const locks = world.pool({ applicationName: 'billing' })
  const lock = await locks.acquire(42n)

  const text = lockpool(['top'], { url: world.database.url })
  const json = lockpool(['top', '--json'], { url: world.database.url })

  expect(await text.ended, text.err).toBe(0)
  expect(text.out.toString()).toMatch(/^lock .*\n42 +advisory +billing \(\d+, 127\.0\.0\.1\) +exclusive/)
  expect(await json.ended).toBe(0)
  expect(JSON.parse(json.out.toString())).toMatchObject({ version: 1, locks: [{ id: '42' }] })
  await lock.release()
})

test('errors are reported as by every other command', async () => {
  const unreachable = lockpool(['top'], { url: 'postgres://u:secret@127.0.0.1:1/db' })
  const hasty = lockpool(['top', '-i', '10ms'], { url: world.database.url })

  expect([await unreachable.ended, await hasty.ended]).toEqual([69, 64])
  expect(unreachable.err).toMatch(/ECONNREFUSED/)
  expect(unreachable.err).not.toMatch(/secret/)
})

test.skipIf(!hasTmux)(
  'on a terminal it refreshes, obeys keys, ends sessions, and restores the terminal',
  async () => {
    const locks = world.pool({ applicationName: 'billing' })
    const lock = await locks.acquire(42n)
    const env = {
      PATH: process.env['PATH'],
      TERM: 'xterm-256color',
      LANG: 'C.UTF-8',
      LOCKPOOL_URL: world.database.url,
    }
    using terminal = new VirtualTerminal(env, 110, 20)
    await terminal.shows('ready>')
    terminal.type(`${process.execPath} ${MAIN} top -i 200ms; echo "exit $?"`, 'Enter')
    await terminal.shows(/42 +advisory +billing/)
    expect(terminal.isOnOtherScreen).toBe(true)

    const more = await locks.acquire(43n)
    await terminal.shows(/^43 +advisory/m)
    terminal.type('2')
    await terminal.shows(/^waits .* for/m)
    terminal.type('1', '/', '4', '3', 'Enter')
    await terminal.shows(/only with "43"/)
    terminal.type('Down', 'K')
    await terminal.shows(/End billing .*\?/)
    terminal.type('y')
    await expect.poll(() => [lock.state, more.state], { timeout: 10_000 }).toEqual(['lost', 'lost'])
    await terminal.shows(/billing .* has ended/)
    terminal.type('q')

    await terminal.shows(/exit 0/)
    expect(terminal.isOnOtherScreen).toBe(false)
    expect(terminal.screen).not.toMatch(/lock table/)
  },
)

test.skipIf(!hasTmux)('it fills the window at any size, and a signal restores the terminal', async () => {
  const env = {
    PATH: process.env['PATH'],
    TERM: 'xterm-256color',
    LANG: 'C.UTF-8',
    LOCKPOOL_URL: world.database.url,
  }
  const locks = world.pool({ applicationName: 'a program with a name that takes all the room' })
  const lock = await locks.acquire('a name so long that the table needs all the columns that there are here')
  using terminal = new VirtualTerminal(env, 90, 16)
  await terminal.shows('ready>')
  terminal.type(`${process.execPath} ${MAIN} top; echo "exit $?"`, 'Enter')
  await terminal.shows(/lock table/)
  await terminal.shows(/^lock .* longest$/m)
  await lock.release()
  execFileSync('stty', ['-F', `/proc/${terminal.child}/fd/1`, 'cols', '40'])
  await terminal.shows(/^h help {2}q quit {2}.{23}…$/m)
  process.kill(terminal.child, 'SIGTERM')

  await terminal.shows(/exit 143/)
  expect(terminal.isOnOtherScreen).toBe(false)
  terminal.type('echo typ', 'ed', 'Enter')
  await terminal.shows(/^typed$/m)
})
