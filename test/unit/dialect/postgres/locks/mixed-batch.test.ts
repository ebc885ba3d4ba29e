import { expect, test } from 'vitest'
import type { ServerFacts } from '../../../../../src/dialect/postgres/session/attach.js'
import { PostgresChannel } from '../../../../../src/dialect/postgres/notify/channel.js'
import { encodeKey } from '../../../../../src/dialect/postgres/keys/key.js'
import { PostgresLink } from '../../../../../src/dialect/postgres/locks/link.js'
import type { Prepared } from '../../../../../src/dialect/postgres/connection/own-query.js'
import type { ServerConnection } from '../../../../../src/dialect/postgres/connection/server-connection.js'
import type { LockKey } from '../../../../../src/dialect/lock-key.js'
import { SeenTokens } from '../../../../../src/dialect/seen-tokens.js'
import { SAID, type LockOperation } from '../../../../../src/dialect/lock-operation.js'

const PID = 4711

/** A server session that grants every request. Each statement draws the next of `tokens`; null means that it draws none. */
function grantingServer(tokens: readonly (string | null)[]): ServerConnection {
  const left = [...tokens]
  const server = {
    processID: PID,
    isInTransaction: false,
    prepared: (_statement: Prepared, [codes]: readonly unknown[]) => {
      const answers = SAID.granted.repeat((codes as Uint8Array).length)
      return Promise.resolve([{ answers, token: left.shift() ?? null, pid: PID }])
    },
  }
  return server as unknown as ServerConnection
}

/** A link that uses tokens and no other feature. */
function linkTo(server: ServerConnection): PostgresLink {
  const facts: Partial<ServerFacts> = { pid: PID, holdRecords: null, fence: '1', noFencing: null, last: '0' }
  const seen = new SeenTokens()
  const settings = { leaseMs: 10_000, fencing: 'auto', strict: false, sender: 'me', seen } as const
  return new PostgresLink(server, facts as ServerFacts, settings, new PostgresChannel(), (cause) => {
    throw cause
  })
}

const asking = (key: LockKey): LockOperation => ({ kind: 'try', mode: 'exclusive', key: encodeKey(key, '') })

test.each([
  ['numbers first', [1n, [7, 8], 2n]],
  ['pairs first', [[7, 8], 1n]],
] as const)(
  'where a batch takes two statements its locks have the token that was drawn last (%s)',
  async (_, keys) => {
    const link = linkTo(grantingServer(['1024', '2048']))

    const reply = await link.run(keys.map((key) => asking(key as LockKey)))

    // The token of the first statement may be older than the lock of the second statement, because another process may have
    // held that lock in between.
    expect(reply.token).toBe('2048')
    expect(reply.answers).toBe(SAID.granted.repeat(keys.length))
  },
)

test('the token of an earlier statement is kept if the later one has drawn none', async () => {
  const link = linkTo(grantingServer(['1024', null]))

  expect((await link.run([asking(1n), asking([7, 8])])).token).toBe('1024')
})
