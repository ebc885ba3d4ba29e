import type { RowRequest } from '../../../src/dialect/rows/operations.js'
import { shapesOf, type RowSemaphore } from '../../../src/dialect/rows/row-key.js'
import type { Asking, MemberState, Reply, RowStore, TakenSlots } from '../../../src/dialect/rows/row-store.js'
import type { StatementRunner } from '../../../src/dialect/rows/statement-runner.js'
import type { FakeConnection } from '../../../src/testing/fake-connection.js'
import type { RowServer } from './row-server.js'

/** Sends one statement on a connection: `work` is what the server does when it arrives. */
export type Send = <T>(connection: FakeConnection, work: () => T) => Promise<T>

/** The limits for the removal of rows that name no process. They are small because a run has few keys. */
export const KEPT = 1
export const AT_ONCE = 3

/** Much fewer than on a real server, where only an open snapshot makes rows move. */
const BATCHES_IN_A_GENERATION = 25

/** Rows with leases in a `RowServer`. The order of statements is the same as in `PostgresRows`. */
export class SimRowStore implements RowStore {
  readonly #runner: StatementRunner<FakeConnection>
  readonly #send: Send
  readonly #server: RowServer
  #batches = 0

  constructor(runner: StatementRunner<FakeConnection>, send: Send, server: RowServer) {
    this.#runner = runner
    this.#send = send
    this.#server = server
  }

  get isOver(): boolean {
    return this.#runner.isOver
  }

  set isOver(isOver: boolean) {
    this.#runner.isOver = isOver
  }

  beat(id: number): Promise<{ beat: string | null; others: string | null }> {
    return this.#atLast((server) => server.beat(id))
  }

  async look(id: number): Promise<MemberState | undefined> {
    const member = await this.#atLast((server) => server.look(id))
    return member && { ...member, isCurrent: true }
  }

  raiseEpoch(id: number, epoch: string): Promise<void> {
    return this.#atLast((server) => server.raiseEpoch(id, epoch))
  }

  async leave(id: number): Promise<void> {
    if (await this.#atLast((server) => server.leave(id))) return
    await this.abandon(id)
    await this.sweep(String(id), [])
  }

  abandon(id: number): Promise<void> {
    return this.#once((server) => server.abandon(id))
  }

  bury(id: string, beat: string): Promise<boolean> {
    return this.#once((server) => server.bury(Number(id), beat))
  }

  async sweep(id: string, dead: readonly string[]): Promise<void> {
    const member = await this.#once((server) => server.look(Number(id)))
    if (member === undefined) return
    const epoch = String(BigInt(member.epoch) + 1n)
    await this.#atLast((server) => server.raiseEpoch(Number(id), epoch))
    await this.#atLast((server) => server.sweep(Number(id), dead))
    await this.#atLast((server) => server.forget(Number(id)))
  }

  async tidy(): Promise<void> {
    const free = await this.#once((server) => server.freeRows(KEPT, AT_ONCE))
    if (free === undefined) return
    const floor = await this.#atLast((server) => server.raiseFloor(free.token))
    await this.#atLast((server) => server.raiseFloorOfMembers(floor))
    await this.#atLast((server) => server.removeRows(free.keys, floor))
    const again = await this.#atLast((server) => server.raiseFloor(free.token))
    await this.#atLast((server) => server.raiseFloorOfMembers(again))
  }

  batch(requests: readonly RowRequest[], asking: Asking): Promise<Reply> {
    if (++this.#batches % BATCHES_IN_A_GENERATION === 0)
      this.#once((server) => server.nextGeneration(asking.id)).catch(() => undefined)
    const sent = requests.map(({ operation, code, token }) => ({ key: operation.key.bits, code, token }))
    return this.#once((server) => server.batch(sent, asking))
  }

  makeSlots(keys: readonly string[], asking: Asking): Promise<string | null> {
    return this.#atLast((server) => server.makeSlots(keys, asking))
  }

  takeSlots(keys: readonly string[], atMost: number, asking: Asking): Promise<TakenSlots> {
    return this.#once((server) => server.takeSlots(keys, atMost, asking))
  }

  ownSlots(keys: readonly string[], { id }: Asking): Promise<TakenSlots> {
    return this.#atLast((server) => ({ floor: '', taken: server.ownSlots(keys, id) }))
  }

  wake(key: string, id: number, atMost: number): Promise<number> {
    return this.#atLast((server) => server.wake(key, id, atMost))
  }

  otherPermits(semaphore: RowSemaphore, dead: readonly string[]): Promise<number | null> {
    const shapes = shapesOf(semaphore)
    return this.#atLast((server) => server.otherPermits(shapes, semaphore.shape.bits, dead))
  }

  wantedByOthers(keys: readonly string[], id: number): Promise<readonly string[]> {
    return this.#atLast((server) => server.wantedByOthers(keys, id))
  }

  holders(key: string, id: number): Promise<readonly { id: string; name: string }[]> {
    return this.#atLast((server) => server.holders(key, id))
  }

  #once<T>(work: (server: RowServer) => T): Promise<T> {
    return this.#runner.once((connection) => this.#send(connection, () => work(this.#server)))
  }

  #atLast<T>(work: (server: RowServer) => T): Promise<T> {
    return this.#runner.atLast((connection) => this.#send(connection, () => work(this.#server)))
  }
}
