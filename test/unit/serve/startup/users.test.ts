import { describe, expect, test } from 'vitest'
import { readUsers } from '../../../../src/serve/startup/users.js'

describe('a file of users', () => {
  test('has names and passwords in the form of PgBouncer', async () => {
    const users = await readUsers('; a comment\n\n"app" "secret"\n"o""brien"  "x""y" more\n')
    expect([users.size, users.has('app'), users.has('o"brien'), users.has('other')]).toEqual([
      2,
      true,
      true,
      false,
    ])
  })

  test('has a verifier for a name that is not there, the same each time', async () => {
    const users = await readUsers('"app" "secret"')
    expect(users.verifier('nobody')).toEqual(users.verifier('nobody'))
    expect(users.verifier('nobody').salt).not.toEqual(users.verifier('somebody').salt)
    expect(users.verifier('nobody').iterations).toBe(users.verifier('app').iterations)
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
