import { describe, expect, test } from 'vitest'
import { QueueSessions } from '../../../../src/lock/session/server-queue.js'
import type { Session, SessionState } from '../../../../src/lock/session/session.js'
import type { SessionRequester } from '../../../../src/lock/session/session-requester.js'
import { ManualClock } from '../../../../src/testing/manual-clock.js'

/** A session with only the facts that matter here: how many keys it serves, and how long it can wait in the server queue. */
class StubSession {
  asideUntil = 0
  isUsable = true
  readonly link: { readonly longestWaitMs: number; readonly leaseMs: number }

  clientCount: number
  readonly state: SessionState

  constructor(clientCount: number, state?: SessionState, longestWaitMs = 750, leaseMs = 15_000) {
    this.clientCount = clientCount
    this.state = state ?? (clientCount === 0 ? 'idle' : 'holding')
    this.link = { longestWaitMs, leaseMs }
  }

  get isUnused(): boolean {
    return this.state === 'idle' && this.clientCount === 0
  }

  clientAdded(): void {
    this.clientCount++
  }

  clientRemoved(): void {
    this.clientCount--
  }
}

const real = (session: StubSession | null): Session => session as unknown as Session
const entryOn = (session: StubSession | null): SessionRequester =>
  ({ session: real(session) }) as unknown as SessionRequester

function linesOf(sessions: StubSession[], { mayOpen = false } = {}) {
  const clock = new ManualClock()
  const opened: number[] = []
  const lines = new QueueSessions({
    clock,
    all: () => sessions.map(real),
    isUsable: (session) => (session as unknown as StubSession).isUsable,
    mayOpen: () => mayOpen,
    open: () => opened.push(clock.now()),
  })
  return { clock, lines, opened, least: () => lines.leastUsed() as unknown as StubSession | null }
}

describe('a key that is to wait in the server', () => {
  test('stays on its session if that serves no other key', () => {
    const own = new StubSession(1)
    const { lines } = linesOf([new StubSession(0), own])
    const entry = entryOn(own)

    expect(lines.mayEnqueue(entry)).toBe(true)
    expect(lines.assignAlone(entry)).toBe(own)
    expect(own.clientCount).toBe(1)
  })

  test('leaves a session that serves other keys for one that serves none', () => {
    const [busy, empty] = [new StubSession(2), new StubSession(0)]
    const { lines } = linesOf([busy, empty])
    const entry = entryOn(busy)

    expect(lines.mayEnqueue(entry)).toBe(true)
    expect(lines.assignAlone(entry)).toBe(empty)
    expect([busy.clientCount, empty.clientCount]).toEqual([1, 1])
  })

  test('is put on a session that serves no key if it has none', () => {
    const empty = new StubSession(0)
    const { lines } = linesOf([empty])

    expect(lines.assignAlone(entryOn(null))).toBe(empty)
    expect(empty.clientCount).toBe(1)
  })

  test.each([
    ['serves another key', new StubSession(1)],
    ['has a statement under way', new StubSession(0, 'executing')],
    ['can not wait in the server', new StubSession(0, 'idle', 0)],
    ['takes no more keys', Object.assign(new StubSession(0), { isUsable: false })],
  ])('can not, where the only other session %s', (_, other) => {
    const busy = new StubSession(2)
    const { lines } = linesOf([busy, other])
    const before = other.clientCount
    const entry = entryOn(busy)

    expect(lines.mayEnqueue(entry)).toBe(false)
    expect(lines.assignAlone(entry)).toBe(busy)
    expect([busy.clientCount, other.clientCount]).toEqual([2, before])
  })

  test('asks for one more session, if its server has a queue and there is room', () => {
    const wantAlone = (longestWaitMs: number, mayOpen: boolean): number => {
      const { lines, opened } = linesOf([new StubSession(2, 'holding', longestWaitMs)], { mayOpen })
      lines.wantAlone()
      return opened.length
    }
    expect([wantAlone(750, true), wantAlone(0, true), wantAlone(750, false)]).toEqual([1, 0, 0])
  })
})

describe('how long a session waits in one go', () => {
  test('as long as the server allows, where there is another session or can be', () => {
    const session = new StubSession(1)
    expect(linesOf([session, new StubSession(1)]).lines.longestWaitMs(real(session))).toBe(750)
    expect(linesOf([session], { mayOpen: true }).lines.longestWaitMs(real(session))).toBe(750)
  })

  test('a quarter of its lease at most, because no answer renews that meanwhile', () => {
    const session = new StubSession(1, 'holding', 750, 1000)
    expect(linesOf([session, new StubSession(1)]).lines.longestWaitMs(real(session))).toBe(250)
  })

  test('a tenth of a second, where it is the only one', () => {
    const session = new StubSession(1)
    expect(linesOf([session]).lines.longestWaitMs(real(session))).toBe(100)
    const short = new StubSession(1, 'holding', 60)
    expect(linesOf([short]).lines.longestWaitMs(real(short))).toBe(60)
  })
})

test('where every session waited and a caller needed one, none waits for ten seconds', () => {
  const { clock, lines } = linesOf([new StubSession(0)])
  clock.advance(500)
  lines.isInTheWay()

  expect(lines.mayEnqueue(entryOn(null))).toBe(false)
  clock.advance(9999)
  expect(lines.mayEnqueue(entryOn(null))).toBe(false)
  clock.advance(1)
  expect(lines.mayEnqueue(entryOn(null))).toBe(true)
})

describe('a key that comes', () => {
  test('goes to the session with the fewest keys', () => {
    const fewest = new StubSession(1)
    expect(linesOf([new StubSession(3), fewest, new StubSession(2)]).least()).toBe(fewest)
    expect(linesOf([]).least()).toBeNull()
  })

  test('goes to no session that waits in the server, and to none that takes no more keys', () => {
    const inLine = new StubSession(1, 'queued')
    const leaving = Object.assign(new StubSession(0), { isUsable: false })
    const other = new StubSession(5)
    expect(linesOf([inLine, leaving, other]).least()).toBe(other)
    expect(linesOf([inLine, leaving]).least()).toBeNull()
  })

  test('goes to one that waited in the server within two seconds only if there is no other', () => {
    const [waited, busy] = [new StubSession(1), new StubSession(9)]
    for (const sessions of [
      [waited, busy],
      [busy, waited],
    ]) {
      const { clock, lines, least } = linesOf(sessions)
      clock.advance(100)
      lines.began(real(waited))
      expect(least()).toBe(busy)
      clock.advance(1999)
      expect(least()).toBe(busy)
      clock.advance(1)
      expect(least()).toBe(waited)
    }
    const { lines, least } = linesOf([waited])
    lines.began(real(waited))
    expect(least()).toBe(waited)
  })

  test('goes to the one with the fewest keys of two that waited in the server', () => {
    const [more, less] = [new StubSession(2), new StubSession(1)]
    const { lines, least } = linesOf([more, less])
    lines.began(real(more))
    lines.began(real(less))
    expect(least()).toBe(less)
  })
})

test('a session is set aside for two seconds after it began to wait, as long as it serves a key', () => {
  const waited = new StubSession(1)
  const { clock, lines } = linesOf([waited])
  expect(lines.isAside(real(waited))).toBe(false)

  lines.began(real(waited))
  expect(lines.isAside(real(waited))).toBe(true)
  clock.advance(1999)
  expect(lines.isAside(real(waited))).toBe(true)
  clock.advance(1)
  expect(lines.isAside(real(waited))).toBe(false)

  lines.began(real(waited))
  waited.clientCount = 0
  expect(lines.isAside(real(waited)), 'it is of use to nobody').toBe(false)
})
