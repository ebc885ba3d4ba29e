import { describe, expect, test } from 'vitest'
import type { SqlError } from '../../../../src/serve/messages/sql-error.js'
import { DeadlockWatch, type HasParty } from '../../../../src/serve/upstream/deadlock-watch.js'
import type { ServerWait, ServerWaits } from '../../../../src/serve/upstream/server-waits.js'
import { ManualClock } from '../../../../src/testing/manual-clock.js'

type Passing = NonNullable<HasParty['passing']>

class Client implements HasParty {
  awaited: string | null = null
  waits = 1
  held: string[] = []
  passing: { -readonly [Name in keyof Passing]: Passing[Name] } | null = null
  readonly refused: SqlError[] = []

  get locks(): HasParty['locks'] {
    return { awaited: this.awaited, waits: this.waits, holds: (id) => this.held.includes(id) }
  }

  at(backend: number, running: number | null = null): this {
    this.passing = { isAwaited: false, hasConnection: true, isInUse: true, backend, running }
    return this
  }

  waitsFor(id: string): this {
    this.awaited = id
    return this
  }

  holds(...ids: string[]): this {
    this.held = ids
    return this
  }
}

const wait = (...blockers: number[]): ServerWait => ({ blockers, awaitedLock: null, heldLocks: new Set() })

function watchOf(
  clients: readonly Client[],
  answer: () => ServerWaits,
  watched: readonly Client[] = clients,
) {
  const clock = new ManualClock()
  const asked: (readonly number[])[] = []
  const ask = async (backends: readonly number[]): Promise<ServerWaits> => {
    asked.push(backends)
    await Promise.resolve()
    return answer()
  }
  const watch = new DeadlockWatch({ clock, sessions: () => clients, ask })
  const ends = watched.map((each) => watch.watch(each, (error) => each.refused.push(error)))
  const after = async (ms: number): Promise<void> => {
    clock.advance(ms)
    for (let turn = 0; turn < 20; turn++) await Promise.resolve()
  }
  return { after, asked, ends }
}

describe('a wait for a lock by a client with an open transaction', () => {
  test('is refused after a second if the holder waits in the server for that transaction', async () => {
    const [owner, writer] = [new Client().at(1).waitsFor('804'), new Client().at(2, 7).holds('804')]
    const { after, asked } = watchOf([owner, writer], () => new Map([[2, wait(1)]]), [owner])
    await after(999)
    expect(asked).toEqual([])
    await after(1)
    expect(owner.refused.map(({ state, message }) => [state, message])).toEqual([
      ['40P01', 'deadlock detected'],
    ])
    // Two answers must show the cycle.
    expect(asked).toEqual([
      [1, 2],
      [1, 2],
    ])
  })

  test('asks the server nothing while its holder does nothing there', async () => {
    const [owner, holder] = [new Client().at(1).waitsFor('804'), new Client().at(2).holds('804')]
    const { after, asked } = watchOf([owner, holder], () => new Map(), [owner])
    await after(5000)
    expect([asked, owner.refused]).toEqual([[], []])
  })

  test('goes on if the statement of the second answer is another one', async () => {
    const [owner, writer] = [new Client().at(1).waitsFor('804'), new Client().at(2, 7).holds('804')]
    const { after, asked } = watchOf(
      [owner, writer],
      () => {
        writer.passing!.running!++
        return new Map([[2, wait(1)]])
      },
      [owner],
    )
    await after(1000)
    expect([asked.length, owner.refused]).toEqual([1, []])
  })

  test('goes on if the upstream hides the pids of its backends, or does not answer', async () => {
    const [owner, writer] = [new Client().at(1).waitsFor('804'), new Client().at(2, 7).holds('804')]
    let asked = 0
    const { after } = watchOf(
      [owner, writer],
      () => {
        if (asked++ > 0) throw new Error('no answer')
        return null
      },
      [owner],
    )
    await after(1000)
    await after(1000)
    expect([asked, owner.refused]).toEqual([2, []])
  })

  test('goes on when it is no longer watched', async () => {
    const [owner, writer] = [new Client().at(1).waitsFor('804'), new Client().at(2, 7).holds('804')]
    const { after, ends } = watchOf([owner, writer], () => new Map([[2, wait(1)]]), [owner])
    ends[0]!()
    await after(3000)
    expect(owner.refused).toEqual([])
  })

  test('is the only one to be refused in its cycle, and none outside of it', async () => {
    const first = new Client().at(1).waitsFor('a').holds('b')
    const second = new Client().at(2).waitsFor('c').holds('a')
    const writer = new Client().at(3, 9).holds('c')
    const outside = new Client().at(4).waitsFor('b')
    const all = [outside, first, second, writer]
    const { after } = watchOf(all, () => new Map([[3, wait(1)]]), [outside, first, second])
    await after(1000)
    expect([outside, first, second].map(({ refused }) => refused.length)).toEqual([0, 1, 0])
  })

  test('is not refused if a client of its cycle waits for a connection: that one is', async () => {
    const [owner, holder] = [new Client().at(1).waitsFor('a'), new Client().holds('a')]
    holder.passing = { isAwaited: true, hasConnection: false, isInUse: false, backend: null, running: null }
    const { after } = watchOf([owner, holder], () => new Map())
    await after(1000)
    expect([owner, holder].map(({ refused }) => refused.length)).toEqual([0, 1])
  })

  test('is refused if a pinned connection has the lock in the server, or waits there for one of the front', async () => {
    const pinned = new Client().at(1).waitsFor('8')
    const other = new Client().at(2, 5).holds('8')
    const lockThere: ServerWait = { blockers: null, awaitedLock: null, heldLocks: new Set(['7']) }
    const waitThere: ServerWait = { blockers: [99], awaitedLock: '7', heldLocks: new Set() }
    const { after } = watchOf(
      [pinned, other],
      () =>
        new Map([
          [1, lockThere],
          [2, waitThere],
        ]),
      [pinned],
    )
    await after(1000)
    expect(pinned.refused.length).toBe(1)
  })
})
