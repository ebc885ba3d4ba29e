import { expect, test } from 'vitest'
import { endHolders, type BreakOrder } from '../../../../src/cli/inspect/end-holders.js'
import type { Inspector } from '../../../../src/cli/inspect/inspector.js'
import { wantedLocks } from '../../../../src/cli/inspect/key-argument.js'
import type { Channel, Terminal } from '../../../../src/cli/terminal.js'
import type { SessionEnd } from '../../../../src/dialect/server-state.js'
import { snapshotOf } from '../../../../src/inspect/snapshot.js'
import { held, key, serverSession, serverState } from '../../../support/server-state.js'

const ORDER: BreakOrder = {
  wanted: wantedLocks('42', { raw: true }),
  pid: null,
  isSure: false,
  isJson: false,
}

/** Looks see one holder after the other; what is asked is answered with `answer`. */
async function breakWith(
  answer: string,
  holders: readonly (number | null)[],
  more: Partial<BreakOrder> = {},
  fate: SessionEnd = 'gone',
): Promise<{ code: number; ended: unknown[]; told: string; questions: string[] }> {
  const ended: unknown[] = []
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
    look: async () => {
      const pid = holders[Math.min(looks++, holders.length - 1)] ?? null
      const sessions = [1, 2].map((each) => serverSession(each, { startedAt: `start of ${each}` }))
      return snapshotOf(serverState({ sessions, locks: pid === null ? [] : [held(key(42), pid)] }))
    },
  }
  const code = await endHolders(inspector, { ...ORDER, ...more }, terminal)
  return { code, ended, told, questions }
}

test.each(['y', 'yes', 'Y'])('%s ends the holder that was shown', async (answer) => {
  const { code, ended, told, questions } = await breakWith(answer, [1, 1, null])
  expect({ code, ended, questions }).toEqual({ code: 0, ended: [1], questions: ['End this session? [y/N] '] })
  expect(told).toMatch(/key 42 is held by\n {2}app 1 .*\nsession 1 has ended\nkey 42 is free now\n$/s)
})

test.each(['', 'n', 'no', 'yess'])('%j ends nothing', async (answer) => {
  expect(await breakWith(answer, [1])).toMatchObject({ code: 1, ended: [] })
})

test('who got the lock while somebody was asked is not ended: it was not shown', async () => {
  const { code, ended, told } = await breakWith('y', [1, 2])
  expect({ code, ended }).toEqual({ code: 1, ended: [] })
  expect(told).toMatch(/the holder of key 42 has changed meanwhile/)
})

test('nobody is asked with --yes, or where nobody holds it', async () => {
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
