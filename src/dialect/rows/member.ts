import { systemClock, type Clock } from '../../base/clock.js'
import { ConnectionError } from '../../base/errors.js'
import { Observer, type SilentMember } from './observer.js'
import type { Asking, MemberState, RowStore } from './row-store.js'

/** How often one of the members checks whether there are too many rows. */
const TIDY_EVERY_MS = 10_000

/** The member was marked dead, by another member or by an administrator. Others may acquire its locks. */
export class MemberDeclaredDead extends ConnectionError {
  constructor() {
    super(
      'its row in the table of members was marked dead: other members have seen no heartbeat for a whole lease',
    )
  }
}

/** The server was replaced by another one since the member joined, and the last writes may be missing there. */
export class Moved extends ConnectionError {
  constructor() {
    super(
      'the server was replaced by another one, where the last grants may be missing: earlier locks are not valid there',
    )
  }
}

/** One row of the table of members: the owner of all locks of one lock session, over any number of connections. */
export class Member {
  readonly id: number
  readonly leaseMs: number
  readonly store: RowStore
  readonly observer: Observer
  readonly #clock: Clock
  /** Called once, when it turns out that the member is dead. */
  readonly #buried: (cause: Error) => void
  #epoch = 0n
  #raising: Promise<void> | null = null
  #tidiedAt: number
  #isTidying = false

  constructor(
    id: number,
    leaseMs: number,
    store: RowStore,
    buried: (cause: Error) => void,
    clock: Clock = systemClock,
  ) {
    this.id = id
    this.leaseMs = leaseMs
    this.store = store
    this.#buried = buried
    this.#clock = clock
    this.observer = new Observer(clock)
    this.#tidiedAt = clock.now()
  }

  /** The identity and the epoch of the member's statements. */
  get asking(): Asking {
    return { id: this.id, epoch: String(this.#epoch), dead: this.observer.dead }
  }

  /** Members that are known to be dead. */
  get dead(): readonly string[] {
    return this.observer.dead
  }

  /** @throws the row says that this member is dead */
  async beat(): Promise<void> {
    const sentAt = this.#clock.now()
    const { beat, others } = await this.store.beat(this.id)
    if (beat === null) throw await this.#whyNot()
    void this.#buryAll(this.observer.saw(others, sentAt))
    const { leftOver } = this.observer
    if (leftOver !== null) this.store.sweep(leftOver, this.dead).catch(() => undefined)
    if (sentAt - this.#tidiedAt >= TIDY_EVERY_MS && this.observer.isLowest(this.id)) this.#tidy(sentAt)
  }

  #tidy(now: number): void {
    if (this.#isTidying) return
    this.#tidiedAt = now
    this.#isTidying = true
    // If this fails, it runs again the next time.
    void this.store
      .tidy()
      .catch(() => undefined)
      .finally(() => (this.#isTidying = false))
  }

  /**
   * Call this after a statement with an unknown outcome. If the statement has begun, this waits for its end. If it
   * arrives later, it changes nothing.
   */
  raiseEpoch(): Promise<void> {
    this.#raising ??= this.#raise().finally(() => (this.#raising = null))
    return this.#raising
  }

  async #raise(): Promise<void> {
    await this.store.raiseEpoch(this.id, String(this.#epoch + 1n))
    await this.lookAgain()
  }

  /** The gate has refused a statement: the member is dead, or the epoch was raised in the meantime. */
  async lookAgain(): Promise<void> {
    const state = await this.store.look(this.id)
    if (state === undefined || state.dead || !state.isCurrent) throw this.#isOver(state)
    this.#epoch = BigInt(state.epoch)
  }

  /** Removes the member, which holds nothing. */
  async leave(): Promise<void> {
    try {
      await this.store.leave(this.id)
    } finally {
      this.store.isOver = true
    }
  }

  /** Ends the member with all that it holds, and cleans up. False if this fails: see `UnreportedMembers`. */
  async abandon(): Promise<boolean> {
    this.store.isOver = true
    return this.abandonOther(String(this.id))
  }

  /** The same for an earlier member of this process. */
  async abandonOther(id: string): Promise<boolean> {
    try {
      await this.store.abandon(Number(id))
      await this.store.sweep(id, this.dead)
      return true
    } catch {
      return false
    }
  }

  /** Called when a heartbeat was refused. */
  async #whyNot(): Promise<Error> {
    return this.#isOver(await this.store.look(this.id))
  }

  #isOver(state: MemberState | undefined): Error {
    const cause = state?.isCurrent === false ? new Moved() : new MemberDeclaredDead()
    this.store.isOver = true
    this.#buried(cause)
    return cause
  }

  /** All are declared dead before the first cleanup, which therefore passes no lock to one of them. */
  async #buryAll(standing: readonly SilentMember[]): Promise<void> {
    const buried = await Promise.all(standing.map((each) => this.#bury(each)))
    // If a cleanup fails, the next member that notices does it.
    for (const [i, { id }] of standing.entries())
      if (buried[i]) this.store.sweep(id, this.dead).catch(() => undefined)
  }

  async #bury({ id, beat }: SilentMember): Promise<boolean> {
    const isDone = await this.store.bury(id, beat).catch(() => this.#isDead(id))
    if (isDone) this.observer.buried(id)
    return isDone
  }

  /** Perhaps only the answer was lost. If not, the next check finds the member again. */
  async #isDead(id: string): Promise<boolean> {
    const state = await this.store.look(Number(id)).catch(() => undefined)
    return state?.dead === true
  }
}
