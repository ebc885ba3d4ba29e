import { describe, expect, test } from 'vitest'
import { readUsers, Users } from '../../../../src/serve/startup/users.js'

describe('a file of users', () => {
  test('has names and passwords in the form of PgBouncer', async () => {
    const known = await readUsers('; a comment\n\n"app" "secret"\n"o""brien"  "x""y" more\n')
    expect([...known.keys()]).toEqual(['app', 'o"brien'])
  })

  test('has a verifier for a name that is not there, the same each time', async () => {
    const users = new Users(await readUsers('"app" "secret"'))
    const [nobody, again, somebody, app] = await Promise.all(
      ['nobody', 'nobody', 'somebody', 'app'].map((name) => users.find(name)),
    )
    expect(nobody).toEqual(again)
    expect(nobody!.verifier.salt).not.toEqual(somebody!.verifier.salt)
    expect(nobody!.verifier.iterations).toBe(app!.verifier.iterations)
    expect([nobody!.isKnown, app!.isKnown]).toEqual([false, true])
  })

  test('comes before other sources, where a hash that SCRAM cannot use counts as no user', async () => {
    const verifier =
      'SCRAM-SHA-256$4096:c2FsdA==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU='
    const secrets: Record<string, string | null> = {
      app: verifier,
      plain: 'secret',
      scram: verifier,
      old: 'md5d41d8cd98f00b204e9800998ecf8427e',
      broken: 'SCRAM-SHA-256$4096:abc',
      empty: '',
    }
    const asked: string[] = []
    const users = new Users(await readUsers('"app" "secret"'), (name) => {
      asked.push(name)
      return Promise.resolve(secrets[name] ?? null)
    })
    const names = ['app', 'plain', 'scram', 'old', 'broken', 'empty', 'nobody']
    const found = await Promise.all(names.map((name) => users.find(name)))
    expect(found.map(({ isKnown }) => isKnown)).toEqual([true, true, true, false, false, false, false])
    expect(asked).toEqual(names.slice(1))
  })

  test.each([
    ['app secret', 'line 1 is not'],
    ['\n"app" secret', 'line 2 is not'],
    ['"app" ""', 'empty name or password'],
    ['"app" "md5d41d8cd98f00b204e9800998ecf8427e"', 'MD5'],
    ['"app" "SCRAM-SHA-256$4096:abc"', 'not whole'],
    ['; nobody', 'no user'],
  ])('that says %j is refused', async (content, words) => {
    await expect(readUsers(content)).rejects.toThrow(words)
  })
})
