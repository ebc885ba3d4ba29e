import { existsSync } from 'node:fs'
import pg from 'pg'
import { expect, test } from 'vitest'
import { isAlive, lockpool } from '../support/command-line.js'

test('a command that runs with it finds the server, and sets its exit code', async () => {
  const script = `
    const { default: pg } = await import('pg')
    const client = new pg.Client(process.env.DATABASE_URL)
    await client.connect()
    const { rows } = await client.query('SHOW log_statement')
    console.log(rows[0].log_statement, process.env.LOCKPOOL_URL === process.env.DATABASE_URL)
    await client.end()
    process.exit(7)`
  const command = ['--', process.execPath, '--input-type=module', '-e', script]

  const dev = lockpool(['dev', '--set', 'log_statement=all', ...command])

  expect(await dev.ended, dev.err).toBe(7)
  expect(dev.out.toString()).toBe('all true\n')
})

test('without a command it runs until it gets a signal, and leaves nothing behind', async () => {
  const dev = lockpool(['dev', '--json'])
  await dev.says('\n')
  const { version, url, processId } = JSON.parse(dev.out.toString()) as Record<
    'version' | 'url' | 'processId',
    never
  >
  expect(version).toBe(1)
  const client = new pg.Client(url)
  await client.connect()
  const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory')
  await client.end()

  dev.kill('SIGINT')

  expect(await dev.ended, dev.err).toBe(0)
  expect(isAlive(processId)).toBe(false)
  expect(existsSync(rows[0]!.data_directory)).toBe(false)
})

test.each([
  ['a command that is not there', ['--', 'no-such-command'], 127, /no-such-command: not found/],
  ['a setting that is none', ['--set', 'nope=1'], 69, /unrecognized configuration parameter "nope"/],
  ['a name that no setting has', ['--set', 'a b=1'], 64, /^lockpool: --set /],
  ['a setting without a value', ['--set', 'nope'], 64, /NAME=VALUE/],
  ['no command behind --', ['--'], 64, /no command after --/],
  ['a command without --', ['npm', 'test'], 64, /lockpool dev -- npm test/],
])('%s', async (_, args, code, message) => {
  const dev = lockpool(['dev', ...args])

  expect(await dev.ended).toBe(code)
  expect(dev.err).toMatch(message)
})
