import { systemClock } from '../../../base/clock.js'
import { ConnectionError } from '../../../base/errors.js'
import { ABANDON, BEAT, BURY, FORGET_DEAD, LEAVE, LOOK_AT_MEMBER, RAISE_EPOCH, SWEEP } from './member-sql.js'
import { Observer } from './observer.js'
import { StatementRunner } from './statement-runner.js'
import { tidyRows } from './tidy.js'

/** How often one of the members looks whether there are too many rows. */
const TIDY_EVERY_MS = 10_000

/** The member was marked dead, by others or by an administrator: whatever it had may be had by others. */
export class Buried extends ConnectionError {
  constructor() {
    super(
      'its row in lockpool.member was marked dead: others have not seen its heartbeat for the length of its lease',
    )
  }
}

/** The server is another one than that on which it has joined, and may lack what was written last. */
export class Moved extends ConnectionError {
  constructor() {
    super(
      'the server was replaced by a replica (its timeline is another one), which may lack the last grants: locks of before do not count there',
    )
  }
}

/** One row of `lockpool.member`: the owner of whatever one lock session has, over whichever connections. */
export class Member {
  readonly id: number
  readonly leaseMs: number
  readonly runner: StatementRunner
  readonly observer: Observer = new Observer(systemClock)
  /** Told once, when it turns out to be dead. */
  readonly #buried: (cause: Error) => void
  #epoch = 0n
  #raising: Promise<void> | null = null
  #tidiedAt: number = systemClock.now()

  constructor(id: number, leaseMs: number, runner: StatementRunner, buried: (cause: Error) => void) {
    this.id = id
    this.leaseMs = leaseMs
    this.runner = runner
    this.#buried = buried
  }

  get epoch(): string {
    return String(this.#epoch)
  }

  /** Members that are known to be marked dead, as a parameter. */
  get dead(): readonly string[] {
    return this.observer.dead
  }

  /** @throws if the row says that this member is dead. */
  async beat(): Promise<void> {
    const sentAt = systemClock.now()
    const [row] = await this.runner.rowsAtLast<{ beat: string | null; others: string | null }>(
      STATEMENTS.beat,
      [String(this.id)],
    )
    if (row!.beat === null) throw await this.#whyNot()
    const standing = this.observer.saw(row!.others, sentAt)
    for (const { id, beat } of standing) void this.#bury(id, beat)
    const { leftOver } = this.observer
    if (leftOver !== null) this.sweep(leftOver).catch(() => undefined)
    if (sentAt - this.#tidiedAt >= TIDY_EVERY_MS && this.observer.isLowest(this.id)) this.#tidy(sentAt)
  }

  #tidy(now: number): void {
    this.#tidiedAt = now
    // What fails is done the next time.
    tidyRows(this.runner).catch(() => undefined)
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
    const next = this.#epoch + 1n
    await this.runner.rowsAtLast(STATEMENTS.raiseEpoch, [String(this.id), String(next)])
    await this.lookAgain()
  }

  /** Something was refused at the gate: it is dead, or the epoch has been raised meanwhile. */
  async lookAgain(): Promise<void> {
    const row = await this.#look()
    if (row === undefined || row.dead || !row.is_current) throw this.#isOver(row)
    this.#epoch = BigInt(row.epoch)
  }

  /** It has nothing, and goes. */
  async leave(): Promise<void> {
    try {
      await this.runner.rowsAtLast(STATEMENTS.leave, [String(this.id)])
    } finally {
      this.runner.isOver = true
    }
  }

  /** It goes with all it has, which is cleaned up. If this fails, others bury it when its lease is over. */
  async abandon(): Promise<void> {
    const me = String(this.id)
    this.runner.isOver = true
    try {
      await this.runner.rows(STATEMENTS.abandon, [me])
      await this.sweep(me)
    } catch {
      // Others see to it.
    }
  }

  /** A heartbeat was refused. */
  async #whyNot(): Promise<Error> {
    return this.#isOver(await this.#look())
  }

  async #look(): Promise<MemberRow | undefined> {
    return (await this.runner.rowsAtLast<MemberRow>(STATEMENTS.look, [String(this.id)]))[0]
  }

  #isOver(row: MemberRow | undefined): Error {
    const cause = row?.is_current === false ? new Moved() : new Buried()
    this.runner.isOver = true
    this.#buried(cause)
    return cause
  }

  /** Whoever buries a member cleans up behind it. What fails is done by the next to see it. */
  async #bury(id: string, beat: string): Promise<void> {
    try {
      const buried = await this.runner.rows(STATEMENTS.bury, [id, beat])
      if (buried.length === 0) return
      this.observer.buried(id)
      await this.sweep(id)
    } catch {
      // It is still there at the next look.
    }
  }

  /** Nothing of it may come after the sweep: those of its statements that have begun are waited for, others do nothing. */
  async sweep(id: string): Promise<void> {
    const { runner } = this
    const [row] = await runner.rows<{ epoch: string }>(STATEMENTS.look, [id])
    if (row === undefined) return
    await runner.rowsAtLast(STATEMENTS.raiseEpoch, [id, String(BigInt(row.epoch) + 1n)])
    await runner.rowsAtLast(STATEMENTS.sweep, [id, `-${id}`])
    await runner.rowsAtLast(STATEMENTS.forget, [id])
  }
}

interface MemberRow {
  readonly epoch: string
  readonly dead: boolean
  readonly is_current: boolean
}

const STATEMENTS = {
  beat: { name: 'lockpool_beat', text: BEAT },
  raiseEpoch: { name: 'lockpool_raise_epoch', text: RAISE_EPOCH },
  look: { name: 'lockpool_look_at_member', text: LOOK_AT_MEMBER },
  leave: { name: 'lockpool_leave_members', text: LEAVE },
  abandon: { name: 'lockpool_abandon', text: ABANDON },
  bury: { name: 'lockpool_bury', text: BURY },
  sweep: { name: 'lockpool_sweep_member', text: SWEEP },
  forget: { name: 'lockpool_forget_dead', text: FORGET_DEAD },
} as const
