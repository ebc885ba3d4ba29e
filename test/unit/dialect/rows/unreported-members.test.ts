import { expect, test } from 'vitest'
import { UnreportedMembers } from '../../../../src/dialect/rows/unreported-members.js'
import { Member } from '../../../../src/dialect/rows/member.js'
import type { RowStore } from '../../../../src/dialect/rows/row-store.js'

/** A server that may be unreachable. It records the reports about members that have gone. */
class Server {
  isAway = false
  readonly reports: string[] = []

  member(id: number): Member {
    const report = (what: string): Promise<void> => {
      if (this.isAway) return Promise.reject(new Error('away'))
      this.reports.push(what)
      return Promise.resolve()
    }
    const store: Pick<RowStore, 'isOver' | 'abandon' | 'sweep'> = {
      isOver: false,
      abandon: (each) => report(`abandon ${each}`),
      sweep: (each) => report(`sweep ${each}`),
    }
    return new Member(id, 1000, store as RowStore, () => undefined)
  }
}

test('a member that could report its end is not reported again', async () => {
  const server = new Server()
  const unreported = new UnreportedMembers()
  await unreported.abandon(server.member(1))
  await unreported.abandonWith(server.member(2))

  expect(server.reports).toEqual(['abandon 1', 'sweep 1'])
})

test('the next member of a process reports the end of earlier ones, as soon as the server answers', async () => {
  const server = new Server()
  const unreported = new UnreportedMembers()
  server.isAway = true
  await unreported.abandon(server.member(1))
  await unreported.abandonWith(server.member(2))
  expect(server.reports).toEqual([])

  server.isAway = false
  await unreported.abandonWith(server.member(3))
  await unreported.abandonWith(server.member(4))
  expect(server.reports).toEqual(['abandon 1', 'sweep 1'])
})
