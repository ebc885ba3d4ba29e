import { systemClock, type Clock } from '../../base/clock.js'
import { ConnectionError } from '../../base/errors.js'
import { Observer } from './observer.js'
import type { Asking, MemberState, RowStore } from './row-store.js'

/** How often one of the members looks whether there are too many rows. */
const TIDY_EVERY_MS = 10_000

/** The member was marked dead, by others or by an administrator: whatever it had may be had by others. */
export class Buried extends ConnectionError {
  constructor() {
    super(
      'its row in the table of members was marked dead: others have not seen its heartbeat for the length of its lease',
    )
  }
}

/** The server is another one than that on which it has joined, and may lack what was written last. */
export class Moved extends ConnectionError {
  constructor() {
    super(
      'the server was replaced by another one, which may lack the last grants: locks of before do not count there',
    )
  }
}

/** One row of the table of members: the owner of whatever one lock session has, over whichever connections. */
export class Member {
  readonly id: number
  readonly leaseMs: number
  readonly store: RowStore
  readonly observer: Observer
  readonly #clock: Clock
  /** Told once, when it turns out to be dead. */
  readonly #buried: (cause: Error) => void
  #epoch = 0n
  #raising: Promise<void> | null = null
  #tidiedAt: number

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

  /** As whom, and in which epoch, statements are sent. */
  get asking(): Asking {
    return { id: this.id, epoch: String(this.#epoch), dead: this.observer.dead }
  }

  /** Members that are known to be marked dead. */
  get dead(): readonly string[] {
    return this.observer.dead
  }

  /** @throws if the row says that this member is dead. */
  async beat(): Promise<void> {
    const sentAt = this.#clock.now()
    const { beat, others } = await this.store.beat(this.id)
    if (beat === null) throw await this.#whyNot()
    const standing = this.observer.saw(others, sentAt)
    for (const each of standing) void this.#bury(each.id, each.beat)
    const { leftOver } = this.observer
    if (leftOver !== null) this.store.sweep(leftOver).catch(() => undefined)
    if (sentAt - this.#tidiedAt >= TIDY_EVERY_MS && this.observer.isLowest(this.id)) this.#tidy(sentAt)
  }

  #tidy(now: number): void {
    this.#tidiedAt = now
    // What fails is done the next time.
    this.store.tidy().catch(() => undefined)
  }

  /**
   * After a statement whose outcome is not known. Waits until it is decided, if it has begun; if it comes later, it does
   * nothing.
   */
  raiseEpoch(): Promise<void> {
    this.#raising ??= this.#raise().finally(() => (this.#raising = null))
    return this.#raising
  }

  async #raise(): Promise<void> {
    await this.store.raiseEpoch(this.id, String(this.#epoch + 1n))
    await this.lookAgain()
  }

  /** Something was refused at the gate: it is dead, or the epoch has been raised meanwhile. */
  async lookAgain(): Promise<void> {
    const state = await this.store.look(this.id)
    if (state === undefined || state.dead || !state.isCurrent) throw this.#isOver(state)
    this.#epoch = BigInt(state.epoch)
  }

  /** It has nothing, and goes. */
  async leave(): Promise<void> {
    try {
      await this.store.leave(this.id)
    } finally {
      this.store.isOver = true
    }
  }

  /** It goes with all it has, which is cleaned up. If this fails, others bury it when its lease is over. */
  async abandon(): Promise<void> {
    this.store.isOver = true
    try {
      await this.store.abandon(this.id)
      await this.store.sweep(String(this.id))
    } catch {
      // Others see to it.
    }
  }

  /** A heartbeat was refused. */
  async #whyNot(): Promise<Error> {
    return this.#isOver(await this.store.look(this.id))
  }

  #isOver(state: MemberState | undefined): Error {
    const cause = state?.isCurrent === false ? new Moved() : new Buried()
    this.store.isOver = true
    this.#buried(cause)
    return cause
  }

  /** Whoever buries a member cleans up behind it. What fails is done by the next to see it. */
  async #bury(id: string, beat: string): Promise<void> {
    try {
      if (!(await this.store.bury(id, beat))) return
      this.observer.buried(id)
      await this.store.sweep(id)
    } catch {
      // It is still there at the next look.
    }
  }
}
