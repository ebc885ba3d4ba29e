/** What a link sends on its server session. `test/contract` checks the answers of real servers. */
import { describe, expect, test } from 'vitest'
import type { ServerFacts } from '../../../../../src/dialect/postgres/session/attach.js'
import { PostgresChannel, PUBLIC_CHANNEL } from '../../../../../src/dialect/postgres/notify/channel.js'
import { encodeKey } from '../../../../../src/dialect/postgres/keys/key.js'
import { PostgresLink } from '../../../../../src/dialect/postgres/locks/link.js'
import { FIND_SECRET, READ_SECRET } from '../../../../../src/dialect/postgres/notify/secret-sql.js'
import type { Prepared } from '../../../../../src/dialect/postgres/connection/own-query.js'
import type { ServerConnection } from '../../../../../src/dialect/postgres/connection/server-connection.js'
import { RESET_SETTINGS } from '../../../../../src/dialect/postgres/session/settings-sql.js'
import { SETTLED } from '../../../../../src/dialect/postgres/timeline/timeline-sql.js'
import { SAID, type LockOperation } from '../../../../../src/dialect/lock-operation.js'
import { SeenTokens } from '../../../../../src/dialect/seen-tokens.js'

const PID = 4711
const KEY = encodeKey('orders', '')
const ASKED: LockOperation = { kind: 'try', mode: 'exclusive', key: KEY }

type Answers = Readonly<Record<string, (values: readonly unknown[]) => unknown[]>>

/** A link, and a list of all statements that it sends. `answers` has the server's answers by the name of the statement. */
function linked(facts: Partial<ServerFacts> = {}, answers: Answers = {}, channel = new PostgresChannel()) {
  const sent: [statement: string, values: readonly unknown[]][] = []
  const ended: Error[] = []
  const server = {
    processID: PID,
    isInTransaction: false,
    isPrompt: true,
    hasLostSettings: false,
    prepared: ({ name }: Prepared, values: readonly unknown[]) => {
      sent.push([name, values])
      return Promise.resolve().then(() => answers[name]?.(values) ?? [])
    },
    query: (text: string, values: readonly unknown[] = []) => {
      sent.push([text, values])
      return Promise.resolve({ rows: answers[text]?.(values) ?? [{ is_said: true }] })
    },
    setClientCheck: () => {
      sent.push(['client check', []])
      return Promise.resolve()
    },
  }
  const link = new PostgresLink(
    server as unknown as ServerConnection,
    {
      pid: PID,
      holdRecords: null,
      fence: null,
      noFencing: null,
      last: '0',
      started: null,
      attachDelayMs: 70,
      ...facts,
    } as ServerFacts,
    { leaseMs: 10_000, fencing: 'auto', strict: false, sender: 'me', seen: new SeenTokens() },
    channel,
    (cause) => ended.push(cause),
  )
  return { link, server, sent, ended, names: () => sent.map(([statement]) => statement) }
}

async function secretChannel(): Promise<PostgresChannel> {
  const channel = new PostgresChannel()
  const query = (text: string): Promise<unknown> =>
    Promise.resolve({
      rows:
        text === FIND_SECRET
          ? [{ is_there: true, may_read: true, may_fill: false, may_make: false, database: '1' }]
          : text === READ_SECRET
            ? [{ value: 'ab'.repeat(32) }]
            : [],
    })
  await channel.learn({ query } as unknown as ServerConnection, false)
  return channel
}

const granted = (): unknown[] => [{ answers: SAID.granted, token: null, pid: PID }]

describe('a batch', () => {
  test('of one takes the short way, which does not say where it was carried out', async () => {
    const { link, names } = linked()
    await link.run([ASKED]).catch(() => undefined)

    expect(names()).toEqual(['lockpool_try'])
  })

  test('of one behind a pooler takes the way that says it', async () => {
    const { link, names } = linked({ pid: 17 }, { lockpool_batch_plain: granted })
    await link.run([ASKED]).catch(() => undefined)

    expect(names()).not.toContain('lockpool_try')
  })

  test('in strict mode is a matter of the hold records, which run it', async () => {
    const around: unknown[] = []
    const holdRecords = {
      around: async (operations: unknown, run: () => Promise<unknown>) => {
        around.push(operations)
        return run().catch(() => 'ran')
      },
      delayEnded: async (...of: unknown[]) => void around.push(of),
    }
    const { link, names } = linked({ holdRecords: holdRecords as unknown as ServerFacts['holdRecords'] })

    await link.run([ASKED])
    await link.delayEnded(KEY, 'shared')

    expect(around).toEqual([[ASKED], [KEY, 'shared']])
    expect(names()).toEqual(['lockpool_try'])
  })

  test('has nothing to settle without hold records', async () => {
    const { link, sent } = linked()
    await link.delayEnded(KEY, 'exclusive')

    expect(sent).toEqual([])
  })
})

test('that the time after a fail-over is over is written down where there was one', async () => {
  const never = linked()
  await never.link.attachDelayEnded()
  expect(never.sent).toEqual([])

  const after = linked({ started: 'then' })
  await after.link.attachDelayEnded()
  expect(after.sent).toEqual([[SETTLED, [70, 'then']]])
})

describe('messages to other processes', () => {
  test('a wake-up names the wanted keys, in as many messages as they need', async () => {
    const keys = Array.from({ length: 1000 }, (_, i) => encodeKey(BigInt(i), ''))
    const answers = {
      lockpool_ring: (values: readonly unknown[]) => [
        { wanted: (values[1] as string[]).slice(0, 2).join(' ') },
      ],
    }
    const { link, sent } = linked({}, answers, await secretChannel())

    const wanted = await link.notify(keys)

    expect(sent.length).toBeGreaterThan(1)
    expect(sent.flatMap(([, values]) => values[1])).toEqual(keys.map(({ id }) => id))
    expect(sent.flatMap(([, values]) => values[2])).toEqual(keys.map(({ hash }) => hash))
    expect(
      sent.every(
        ([name, [head, , , channel]]) =>
          name === 'lockpool_ring' && head === 'me ring ' && (channel as string).startsWith('lockpool_'),
      ),
    ).toBe(true)
    expect(wanted).toEqual(new Set(sent.flatMap(([, values]) => (values[1] as string[]).slice(0, 2))))
  })

  test('a ticket goes to the channel on which all permitted processes listen', async () => {
    const open = linked()
    await open.link.sendTicket(KEY)
    expect(open.sent).toEqual([['lockpool_tell', [PUBLIC_CHANNEL, `me claim ${KEY.id}`]]])

    const channel = await secretChannel()
    const closed = linked({}, {}, channel)
    await closed.link.sendTicket(KEY)
    expect(closed.sent).toEqual([['lockpool_tell', [channel.secretName, `me claim ${KEY.id}`]]])
  })

  test('messages that must be authentic are sent under the secret, or not at all', async () => {
    const open = linked()
    await open.link.broadcast('probe')
    expect(open.sent).toEqual([])

    const channel = await secretChannel()
    const closed = linked({}, {}, channel)
    await closed.link.broadcast('probe')
    const [[name, [where, message]]] = closed.sent as [[string, [string, string]]]
    expect([name, where]).toEqual(['lockpool_tell', channel.secretName])
    expect(channel.unseal(/^me tell (.*)$/.exec(message)![1]!)).toBe('probe')

    await closed.link.broadcast('x'.repeat(100_000))
    expect(closed.sent).toHaveLength(1)
  })
})

test('the holder of a key is described in words', async () => {
  const row = { pid: 12, application_name: 'billing', client_addr: '10.0.0.1' }
  const { link } = linked({}, { lockpool_holders: () => [row] })

  expect(await link.holderOf(KEY)).toBe('billing (pid 12, client 10.0.0.1)')
  expect(await linked().link.holderOf(KEY)).toBeNull()
})

describe('a heartbeat', () => {
  test('comes from the session that holds the locks', async () => {
    const { link, ended } = linked({}, { lockpool_heartbeat: () => [{ pid: PID }] })

    await expect(link.heartbeat()).resolves.toBeUndefined()
    expect(ended).toEqual([])
  })

  test('of another session ends the link', async () => {
    const { link, ended } = linked({}, { lockpool_heartbeat: () => [{ pid: 99 }] })

    await expect(link.heartbeat()).rejects.toMatchObject({ code: 'POOLER_DETECTED' })
    expect(ended).toEqual([
      expect.objectContaining({ message: expect.stringContaining('session (99) than') }),
    ])
  })

  test('in a transaction ends it: there the server does not watch the lease', async () => {
    const { link, server, ended } = linked({}, { lockpool_heartbeat: () => [{ pid: PID }] })
    server.isInTransaction = true

    await expect(link.heartbeat()).rejects.toMatchObject({ code: 'CONNECTION_FAILED' })
    expect(ended).toHaveLength(1)
  })

  test.each([
    ['26000', 'POOLER_DETECTED', 1],
    ['57014', '57014', 0],
  ])('that fails with %s is %s', async (code, told, endings) => {
    const fail = (): never => {
      throw Object.assign(new Error('no'), { code })
    }
    const { link, ended } = linked({}, { lockpool_heartbeat: fail })

    await expect(link.heartbeat()).rejects.toMatchObject({ code: told })
    expect(ended).toHaveLength(endings)
    for (const { message } of ended) expect(message).toContain('another server session than')
  })
})

test('an announcement is made once, and ends with the link', async () => {
  const { link, sent, server, names } = linked()
  await link.announce('me', 5)
  await link.announce('me', 5)
  expect(sent).toHaveLength(2)

  await link.detach()

  expect(sent).toHaveLength(6)
  expect(names().indexOf(RESET_SETTINGS)).toBeLessThan(names().indexOf('client check'))
  expect([server.hasLostSettings, server.isPrompt]).toEqual([true, false])
})

test('a link that announced nothing sends nothing about it at its end', async () => {
  const { link, names } = linked()
  await link.detach()

  expect(names()).toEqual([RESET_SETTINGS, 'client check'])
})
