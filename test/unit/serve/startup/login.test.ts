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

  test('is offered protocol 3.0 with its full number, if it asks for a later one or for options', async () => {
    const answerTo = async (asked: ReturnType<typeof packet>): Promise<string[]> => {
      const sent: string[] = []
      const send = (...messages: readonly Buffer[]): void =>
        void sent.push(...messages.map((each) => each.toString('latin1')))
      await logIn(asked, null, { ...NOBODY_ASKED, send })
      return sent
    }
    const ok = 'R\0\0\0\b\0\0\0\0'
    const later = packet({ user: 'me' }, 2)
    expect(await answerTo(later)).toEqual(['v\0\0\0\f\0\x03\0\0\0\0\0\0', ok])
    // A client may try both, with an option that no server knows.
    const grease = { ...packet({ user: 'me' }, 9999), protocolOptions: ['_pq_.a'] }
    expect(await answerTo(grease)).toEqual(['v\0\0\0\x13\0\x03\0\0\0\0\0\x01_pq_.a\0', ok])
    expect(await answerTo(packet({ user: 'me' }))).toEqual([ok])
  })

  test('keeps a space behind a backslash in its options', () => {
    expect(readOptions('-c search_path=a\\ b')).toEqual([['search_path', 'a b']])
    expect(() => readOptions('nonsense')).toThrow('invalid command-line argument')
  })
})
