import { describe, expect, test } from 'vitest'
import { logIn, readOptions } from '../../../../src/serve/startup/login.js'

const NOBODY_ASKED = {
  next: () => Promise.reject(new Error('nothing was to be asked')),
  send: (...messages: readonly Buffer[]): void => void messages,
}

function packet(parameters: Record<string, string>, minor = 0): Parameters<typeof logIn>[0] {
  return { kind: 'startup', minor, protocolOptions: [], parameters: new Map(Object.entries(parameters)) }
}

describe('a login', () => {
  test('takes the database of the same name as the user, if it names none', async () => {
    expect(await logIn(packet({ user: 'me' }), null, NOBODY_ASKED)).toMatchObject({
      user: 'me',
      database: 'me',
    })
  })

  test('sets what the startup packet and its options set', async () => {
    const given = packet({ user: 'me', options: '-c lock_timeout=5s --work-mem=1MB', application_name: 'x' })
    const { settings } = await logIn(given, null, NOBODY_ASKED)
    expect(Object.fromEntries(settings)).toEqual({
      lock_timeout: '5s',
      work_mem: '1MB',
      application_name: 'x',
    })
  })

  test('is refused for replication, and without a name', async () => {
    await expect(
      logIn(packet({ user: 'me', replication: 'database' }), null, NOBODY_ASKED),
    ).rejects.toMatchObject({
      state: '0A000',
    })
    await expect(logIn(packet({}), null, NOBODY_ASKED)).rejects.toMatchObject({ state: '28000' })
  })

  test('is offered protocol 3.0, if it asks for a later one', async () => {
    const sent: string[] = []
    const wire = {
      ...NOBODY_ASKED,
      send: (...messages: readonly Buffer[]): void => {
        sent.push(...messages.map((each) => each.toString('latin1', 0, 1)))
      },
    }
    await logIn(packet({ user: 'me' }, 2), null, wire)
    expect(sent).toEqual(['v', 'R'])
  })

  test('keeps a space behind a backslash in its options', () => {
    expect(readOptions('-c search_path=a\\ b')).toEqual([['search_path', 'a b']])
    expect(() => readOptions('nonsense')).toThrow('invalid command-line argument')
  })
})
