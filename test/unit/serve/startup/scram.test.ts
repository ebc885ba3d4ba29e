import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { makeVerifier, parseVerifier, ScramExchange } from '../../../../src/serve/startup/scram.js'

/** RFC 7677, section 3. */
const SALT = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
const SERVER_NONCE = '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0'
const CLIENT_FIRST = 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO'
const SERVER_FIRST = 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'
const CLIENT_FINAL =
  'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ='
const SERVER_FINAL = 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='

async function exchange(password = 'pencil'): Promise<ScramExchange> {
  return new ScramExchange(await makeVerifier(password, SALT, 4096), SERVER_NONCE)
}

describe('SCRAM-SHA-256', () => {
  test('goes as the example of RFC 7677', async () => {
    const server = await exchange()
    expect(server.first(CLIENT_FIRST)).toBe(SERVER_FIRST)
    expect(server.final(CLIENT_FINAL)).toBe(SERVER_FINAL)
  })

  test('refuses the proof of another password', async () => {
    const server = await exchange('pen')
    server.first(CLIENT_FIRST)
    expect(server.final(CLIENT_FINAL)).toBeNull()
  })

  test.each([
    ['another nonce', CLIENT_FINAL.replace('r=rOpr', 'r=xOpr')],
    ['channel binding that was not agreed on', CLIENT_FINAL.replace('c=biws', 'c=cD10bHM=')],
    ['a proof that is too short', CLIENT_FINAL.replace(/p=.*/, 'p=dHzb')],
    ['no proof', CLIENT_FINAL.replace(/,p=.*/, '')],
  ])('refuses %s', async (_, final) => {
    const server = await exchange()
    server.first(CLIENT_FIRST)
    expect(server.final(final)).toBeNull()
  })

  test.each(['', 'n', 'p=tls-unique,,n=,r=abc', 'n,,n=user', 'n,,r=abc', 'x,,n=,r=abc'])(
    'refuses %j as a beginning',
    async (first) => {
      expect((await exchange()).first(first)).toBeNull()
    },
  )

  test('refuses random texts', async () => {
    const verifier = await makeVerifier('pencil', SALT, 1)
    fc.assert(
      fc.property(fc.string(), fc.string(), (first, final) => {
        const server = new ScramExchange(verifier)
        server.first(first)
        expect(server.final(final)).toBeNull()
      }),
    )
  })

  test('reads a verifier as PostgreSQL keeps it', () => {
    const text =
      'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU='
    expect(parseVerifier(text)?.iterations).toBe(4096)
    expect(parseVerifier(text.replace(':wfPL', ':'))).toBeNull()
    expect(parseVerifier('pencil')).toBeNull()
  })
})
