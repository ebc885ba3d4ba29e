import { expect, test } from 'vitest'
import type { BreakOrder } from '../../../../src/cli/inspect/break-order.js'
import { endHolders } from '../../../../src/cli/inspect/end-holders.js'
import type { Inspector } from '../../../../src/cli/inspect/inspector.js'
import { wantedLocks } from '../../../../src/cli/inspect/key-argument.js'
import { RequestsUnsupportedError } from '../../../../src/cli/inspect/server-watch.js'
import type { Channel, Terminal } from '../../../../src/cli/terminal.js'
import type { SessionEnd } from '../../../../src/dialect/server-state.js'
import { snapshotOf } from '../../../../src/inspect/snapshot.js'
import { held, key, serverSession, serverState } from '../../../support/server-state.js'

const ORDER: BreakOrder = {
  wanted: wantedLocks('42', { raw: true }),
  pid: null,
  isSure: false,
  isJson: false,
  ask: null,
}

/** Runs `endHolders`. Each look at the server sees the next of `holders`, and each question gets `answer`. */
async function breakWith(
  answer: string,
  holders: readonly (number | null)[],
  more: Partial<BreakOrder> = {},
  fate: SessionEnd = 'gone',
  isUnread = false,
): Promise<{ asked: unknown[]; code: number; ended: unknown[]; told: string; questions: string[] }> {
  const ended: unknown[] = []
  const asked: unknown[] = []
  const questions: string[] = []
  let told = ''
  const channel: Channel = {
    isTerminal: true,
    write: (text) => void (told += text),
    paint: (_, text) => text,
  }
  const terminal: Terminal = {
    out: channel,
    err: channel,
    isInteractive: true,
    width: () => 80,
    ask: async (question) => {
      questions.push(question)
      return answer
    },
  }
  let looks = 0
  const inspector: Inspector = {
    end: async ({ pid }) => {
      ended.push(pid)
      return fate
    },
    askForRelease: async (request, startedAt) => {
      if (more.ask?.reason === 'in MariaDB') throw new RequestsUnsupportedError()
      asked.push({ ...request, startedAt })
      return true
    },
    withdrawRequest: async () => isUnread,
    look: async () => {
      const pid = holders[Math.min(looks++, holders.length - 1)] ?? null
      const sessions = [1, 2].map((each) => serverSession(each, { startedAt: `start of ${each}` }))
      return snapshotOf(serverState({ sessions, locks: pid === null ? [] : [held(key(42), pid)] }))
    },
  }
  const code = await endHolders(inspector, { ...ORDER, ...more }, terminal)
  return { asked, code, ended, told, questions }
}

test.each(['y', 'yes', 'Y'])('%s ends the holder that was shown', async (answer) => {
  const { code, ended, told, questions } = await breakWith(answer, [1, 1, null])
  expect({ code, ended, questions }).toEqual({ code: 0, ended: [1], questions: ['End this session? [y/N] '] })
  expect(told).toMatch(/key 42 is held by\n {2}app 1 .*\nsession 1 has ended\nkey 42 is free now\n$/s)
})

test.each(['', 'n', 'no', 'yess'])('%j ends nothing', async (answer) => {
  expect(await breakWith(answer, [1])).toMatchObject({ code: 1, ended: [] })
})

test('a holder that got the lock during the question is not ended: it was not shown', async () => {
  const { code, ended, told } = await breakWith('y', [1, 2])
  expect({ code, ended }).toEqual({ code: 1, ended: [] })
  expect(told).toMatch(/the holder of key 42 has changed meanwhile/)
})

test('no question is asked with --yes, or without a holder', async () => {
  expect(await breakWith('n', [1, null], { isSure: true })).toMatchObject({
    code: 0,
    ended: [1],
    questions: [],
  })
  expect(await breakWith('y', [null])).toMatchObject({ code: 1, ended: [], questions: [] })
})

test.each([
  ['none', 0, /session 1 has ended\nkey 42 is free now/],
  ['there', 69, /session 1 was asked to end, and is still there after 5 s\nkey 42 is now held by app 1/],
] as const)('a session of which there is %s: %i', async (fate, code, told) => {
  const after = fate === 'there' ? 1 : null
  const found = await breakWith('y', [1, 1, after], {}, fate)
  expect(found).toMatchObject({ code, told: expect.stringMatching(told) })
})

test('a prepared transaction has no session to end', async () => {
  const { code, ended, told } = await breakWith('y', [0])
  expect({ code, ended }).toEqual({ code: 69, ended: [] })
  expect(told).toMatch(/pg_prepared_xacts/)
})

const ASK = { reason: 'maintenance', waitMs: 0, isForced: false }

test('with --ask a holder that releases the lock keeps its session', async () => {
  const { code, ended, asked, told, questions } = await breakWith('n', [1, null], { ask: ASK })
  expect({ code, ended, questions }).toEqual({ code: 0, ended: [], questions: [] })
  expect(asked).toEqual([
    { serverId: 1, keyId: '42', permit: null, reason: 'maintenance', startedAt: 'start of 1' },
  ])
  expect(told).toMatch(/key 42 was released\n$/)
})

test.each([
  [true, 'has not read the request'],
  [false, 'has read the request, and still holds it'],
])('with --ask a holder that keeps the lock is named, and not ended', async (isUnread, words) => {
  const { code, ended, told } = await breakWith('n', [1], { ask: ASK }, 'gone', isUnread)
  expect({ code, ended }).toEqual({ code: 1, ended: [] })
  expect(told).toContain(words)
})

test('with --force it is ended after that; a new holder is not', async () => {
  const forced = { ask: { ...ASK, isForced: true }, isSure: true }
  expect(await breakWith('n', [1, 1, 1, null], forced)).toMatchObject({ code: 0, ended: [1] })
  expect(await breakWith('n', [1, 2], forced)).toMatchObject({ code: 0, ended: [] })
})

test('where no holder can be asked, nothing is ended, not even with --force', async () => {
  const ask = { ...ASK, reason: 'in MariaDB', isForced: true }
  const { code, ended, told } = await breakWith('n', [1], { ask })
  expect({ code, ended }).toEqual({ code: 69, ended: [] })
  expect(told).toMatch(/holders in MariaDB and MySQL cannot be asked/)
})
