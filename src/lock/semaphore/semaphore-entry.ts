import { assert, assertMove } from '../../base/assert.js'
import type { Cancel } from '../../base/clock.js'
import type { LockError } from '../../base/errors.js'
import type { Holding } from '../../dialect/dialect.js'
import type { KeyCode } from '../../dialect/lock-key.js'
import type { PermitKind, PermitOperation, PermitReply } from '../../dialect/permit-operation.js'
import { INTEREST_ENTRIES } from '../entry-host.js'
import type { LockWaiter, WaitedFor } from '../lock-waiter.js'
import { Courtesy } from '../courtesy.js'
import type { PermitRequest, Rung } from '../session-host.js'
import { PlaceInLine, wasQuick } from '../place-in-line.js'
import type { Session } from '../session.js'
import type { Tenant } from '../sessions.js'
import { GIVE_WAY_MS, Sleep, type Wake } from '../sleep.js'
import { LocalPermits } from './local-permits.js'
import {
  nextSemaphoreStep,
  SEMAPHORE_MOVES,
  type SemaphoreFacts,
  type SemaphoreState,
  type SemaphoreStep,
} from './semaphore-state.js'

/** What a step asks of the server. */
type Asking = 'take' | 'wait' | 'retry' | 'poll'

/**
 * One semaphore, as this process stands towards the server. All its permits are on one session. There is one operation
 * under way at most. What it is about is decided when it leaves: until then callers gather, and go with it.
 */
export class SemaphoreEntry
  extends LocalPermits
  implements SemaphoreFacts, PermitRequest, Rung, Tenant, WaitedFor
{
  #state: SemaphoreState = 'idle'
  #session: Session | null = null
  #sleep: Sleep | null = null
  #line: PlaceInLine | null = null
  /** Whose release is waited for in line. */
  #slotInLine = 0
  /** It was rung for, and others were quicker. */
  #hasLostRace = false
  #isContended = false
  #cancelGiveWay: Cancel | null = null
  readonly #courtesy = new Courtesy()
  #gaveWayInVain = false
  /** When permits were last sent back, on the clock. */
  #sentBackAt = 0
  /** Permits that are being asked for, and why. */
  #asked = 0
  #asking: Asking = 'take'
  #counted = 0
  #isInLine = false
  #isStepping = false
  #isForgotten = false

  /** What is rung for. */
  get key(): KeyCode {
    return this.semaphore.key
  }

  get state(): SemaphoreState {
    return this.#state
  }

  get isContended(): boolean {
    return this.#isContended
  }

  get isGivingWay(): boolean {
    if (this.#cancelGiveWay === null || this.host.isClosing) return false
    // Who can't wait asks now.
    return this.queue.first === null || this.queue.first.patience === 'wait'
  }

  /** With permits here it is another matter: some of them may be given up any moment. */
  get mayLineUp(): boolean {
    const line = this.#line
    const isAsleep = this.#state === 'waiting'
    if (isAsleep ? !this.#hasLostRace : !this.#isContended) return false
    if (line === null || !line.isBusy(this.now())) return false
    const { first } = this.queue
    if (first === null || first.patience !== 'wait') return false
    return this.permitsHere === 0 && this.semaphore.permits <= MAX_LINES && this.host.line.mayLineUp(isAsleep)
  }

  get wake(): Wake {
    if (this.#state === 'inLine') return this.#line!.hasCome ? 'rung' : 'no'
    return this.#sleep === null ? 'no' : this.#sleep.wake
  }

  get session(): Session | null {
    return this.#session
  }

  get hasSession(): boolean {
    return this.#session !== null
  }

  get lastFailure(): LockError | null {
    return this.#session === null ? this.host.lastFailure : null
  }

  /** Whether an answer on the wire may be this waiter's permit. */
  isAskingFor(waiter: LockWaiter<SemaphoreEntry>): boolean {
    let place = 0
    for (const each of this.queue) {
      if (place++ >= this.#asked) return false
      if (each === waiter) return true
    }
    return false
  }

  /** They are many. */
  askForHolder(): null {
    return null
  }

  holding(): readonly Holding[] {
    const { key, shape } = this.semaphore
    const isWaiting = this.#state === 'waiting'
    const held: Holding[] = [...this.slots.keys()].map((number) => ({
      key: this.semaphore.slot(number),
      what: 'exclusive',
    }))
    if (isWaiting) held.push({ key, what: 'interest' })
    if (held.length > 0) held.push({ key: shape, what: 'shared' })
    return held
  }

  override verify(): void {
    this.#session?.verify()
  }

  left(waiter: LockWaiter<SemaphoreEntry>, isGranted: boolean): void {
    this.host.left(waiter, isGranted)
    this.advance()
  }

  /** Takes steps until there is nothing more to do now. Called after everything that may have changed the facts. */
  override advance(): void {
    if (this.#isStepping) return
    this.#isStepping = true
    while (this.#take(nextSemaphoreStep(this)));
    this.#isStepping = false
    this.#count()
  }

  proceed(): void {
    this.advance()
  }

  /** None can be had. Those who were waiting before the trouble keep their turn until their own deadline. */
  sessionFailed(error: LockError): void {
    for (const waiter of this.queue) {
      if (!waiter.isSeasoned) waiter.refuse(error)
    }
    if (this.queue.size > 0) this.#sleeper.fallAsleep()
  }

  depart(session: Session): PermitOperation | null {
    // It may have lost its place in this line, and be in another.
    if (session !== this.#session) return null
    this.#isInLine = false
    const step = nextSemaphoreStep(this)
    switch (step) {
      case 'take':
      case 'wait':
      case 'retry':
      case 'poll':
        return this.#departToTake(step)
      case 'lineUp':
        // The line was not open yet when it was decided to ask.
        return this.#departToTake(this.#isContended ? 'wait' : 'take')
      case 'release':
      case 'yield':
        return this.#departToRelease(step)
      case 'leave':
        this.#sleep!.end()
        this.#move('leaving')
        return this.#operation('leave', { exits: this.permitsHere === 0 })
      case 'rest':
      case 'forget':
      case 'handOff':
      case 'stepOut':
        return null
    }
  }

  replied(reply: PermitReply): void {
    assert(this.#state !== 'idle' && this.#state !== 'waiting' && this.#state !== 'inLine', 'it was asked')
    this.#isStepping = true
    switch (this.#state) {
      case 'taking':
      case 'asking':
        this.#tookSome(reply)
        break
      case 'releasing':
      case 'yielding':
        this.#released(reply)
        break
      case 'leaving':
        this.#move('idle')
    }
    this.#isStepping = false
    this.advance()
  }

  /** The server has been brought to have for it what `holding` says. */
  failed(error: LockError, mayAsk: boolean): void {
    this.#isStepping = true
    const isRelease = this.#state === 'releasing' || this.#state === 'yielding'
    const asked = this.#asked
    this.#asked = 0
    this.#move('idle')
    if (isRelease) {
      this.gaveUp([])
      this.#session?.ring(this)
    } else if (!mayAsk) this.refuse(error, asked)
    this.#isStepping = false
    this.advance()
  }

  lost(reason: string, cause?: Error): void {
    this.#isStepping = true
    this.#sleep?.end()
    this.#endGivingWay()
    this.#session = null
    this.#isInLine = false
    this.#asked = 0
    if (this.#state !== 'idle') this.#move('idle')
    this.losePermits(reason, cause)
    this.#isStepping = false
    this.advance()
  }

  /** The bell rang, by the process `sender`, which has thereby had its turn. */
  rung(sender: string): void {
    this.#sleeper.rung(sender, this.#state === 'waiting' && !this.isGivingWay)
  }

  rang(isWanted: boolean): void {
    // Those we gave way to have gone.
    if (!isWanted) this.#gaveWay()
  }

  claimed(sender: string): void {
    this.#sleeper.claimed(sender)
  }

  /** The bell can be heard from now on; whatever rang before was missed. */
  listening(): void {
    this.#sleeper.awake('rung', this.#state === 'waiting')
  }

  get #sleeper(): Sleep {
    return (this.#sleep ??= new Sleep(this.host, () => this.advance()))
  }

  /** Carries one step out. True if there may be another. */
  #take(step: SemaphoreStep): boolean {
    switch (step) {
      case 'rest':
        return false
      case 'forget':
        if (this.#isForgotten) return false
        this.#isForgotten = true
        this.#sleep?.end()
        this.#line?.end()
        this.#endGivingWay()
        this.host.forget(this)
        return false
      case 'handOff':
        this.verify()
        this.handOff()
        return true
      case 'stepOut':
        this.#move('idle')
        return true
      case 'lineUp':
        return this.#lineUp()
      case 'take':
      case 'wait':
      case 'retry':
      case 'poll':
      case 'release':
      case 'yield':
      case 'leave':
        this.#standInLine()
        return false
    }
  }

  /** There is a line for each permit. Each is as good, as long as they are few. */
  #lineUp(): false {
    const line = this.#ownLine
    this.#slotInLine = this.#anySlot()
    this.#move('inLine')
    line.lineUp(this.semaphore.slot(this.#slotInLine))
    return false
  }

  get #ownLine(): PlaceInLine {
    return (this.#line ??= new PlaceInLine(this.host, MAX_LATE, (hasCome) => this.#lineEnded(hasCome)))
  }

  /** One of the others may have become free meanwhile. */
  #lineEnded(hasCome: boolean): void {
    if (!hasCome) {
      this.#move('idle')
      this.#isContended = false
    }
    this.advance()
  }

  #anySlot(): number {
    return Math.floor(this.host.random.next() * this.semaphore.permits)
  }

  #standInLine(): void {
    if (this.#isInLine) return
    this.#session ??= this.host.assign(this)
    if (this.#session === null) return
    this.#isInLine = true
    this.#session.submitPermits(this)
  }

  #departToTake(step: Asking): PermitOperation | null {
    const atMost = this.#admitted(step)
    if (atMost === 0) return null
    this.#sleep?.attempt()
    const operation = this.#operation(step === 'poll' ? 'retry' : step, {
      atMost,
      from: this.#state === 'inLine' ? this.#slotInLine : this.#anySlot(),
      slots: [...this.slots.keys()],
      enters: this.permitsHere === 0 && (this.#state === 'idle' || this.#state === 'inLine'),
      looks: this.host.isLookDue(this),
    })
    this.#move(step === 'take' ? 'taking' : 'asking')
    this.#asked = atMost
    this.#asking = step
    this.#count()
    return operation
  }

  #departToRelease(step: 'release' | 'yield'): PermitOperation {
    const slots = this.giveUpSpare()
    this.#sentBackAt = this.now()
    this.#move(step === 'release' ? 'releasing' : 'yielding')
    return this.#operation('release', { slots, exits: this.permitsHere === 0 && step === 'release' })
  }

  /** How many of those that are wanted there is room for in the lock table. With none, somebody is told of it later or now. */
  #admitted(step: Asking): number {
    const interest = step === 'wait' ? INTEREST_ENTRIES : 0
    const admission = this.host.admit(this, this.wanted + interest)
    if (admission === 'now') return this.wanted
    if (admission === 'later') return 0
    const single = this.wanted > 1 ? this.host.admit(this, 1 + interest) : admission
    if (single === 'now') return 1
    if (single !== 'later') this.#noRoom(step, single)
    return 0
  }

  /** Without room for interest it is tried again now and then, as if the bell could not be heard. */
  #noRoom(step: Asking, full: LockError): void {
    this.#isContended = this.#isContended && step !== 'wait'
    if (step === 'take') this.refuse(full, 1)
    else {
      this.#sleep?.attempt()
      this.#sleeper.fallAsleep()
    }
  }

  #operation(kind: PermitKind, details: Partial<PermitOperation>): PermitOperation {
    const nothing = { atMost: 0, from: 0, slots: [], enters: false, exits: false, looks: false }
    return { kind, semaphore: this.semaphore, ...nothing, ...details }
  }

  #tookSome({ taken, said, otherPermits }: PermitReply): void {
    const session = this.#session
    const isEnough = taken.length === this.#asked
    this.#line?.attempted(taken.length > 0)
    if (taken.length > 0) this.#learnFrom(this.queue.first)
    this.#hasLostRace = taken.length === 0 && this.#asking === 'retry'
    if (this.#hasLostRace) this.#ownLine.seen(this.now())
    this.#asked = 0
    this.take(taken)
    const mismatch = this.host.looked(this, otherPermits)
    if (mismatch !== null) this.refuse(mismatch, Infinity)
    while (this.mayHandOff && this.isWaitedFor) this.handOff()
    // Who was told may have used it to end the session.
    if (this.#session !== session) return
    this.#judgeOthers(isEnough)
    if (said === 'waiting' || said === 'crowded')
      this.#fallAsleep(taken.length === 0 && this.#asking === 'retry', said)
    else {
      this.#isContended = !isEnough
      this.#move('idle')
    }
    if (isEnough) this.#sleep?.end()
    else this.refused()
  }

  /** Whoever is served first has waited longest. */
  #learnFrom(first: LockWaiter<SemaphoreEntry> | null): void {
    const now = this.now()
    const kind = this.#asking === 'take' ? 'try' : this.#asking
    if (first !== null && wasQuick(kind, now - first.since)) this.#ownLine.seen(now)
  }

  #released({ said, missing }: PermitReply): void {
    const session = this.#session
    this.#move(this.#state === 'releasing' ? 'idle' : 'waiting')
    this.gaveUp(missing)
    if (this.#session !== session) return
    if (said !== 'wanted') this.#courtesy.wasRight()
    if (said === 'awaited') this.#awaited()
    else if (said === 'wanted' && !this.#courtesy.isResting(this.now())) {
      this.#session!.ring(this)
      this.#giveWay()
      // What those here wait for may be the very permits that were given up, and nobody else rings for them.
    } else if (this.#state === 'waiting') this.#sleeper.awake('poll', true)
  }

  #fallAsleep(hasLostRace: boolean, said: 'waiting' | 'crowded'): void {
    this.#move('waiting')
    if (hasLostRace) this.#sleeper.lostRace(() => this.#session!.claim(this.key))
    if (said === 'crowded') this.#sleeper.crowded()
    else this.#sleeper.fallAsleep()
  }

  /** Those that permits were given up for have taken them, or never came. */
  #judgeOthers(isEnough: boolean): void {
    if (!isEnough) this.#courtesy.wasRight()
    else if (this.#gaveWayInVain) this.#courtesy.wasInVain(this.now())
    this.#gaveWayInVain = false
  }

  /** The server wakes those who stand in line. Who wants permits here stands behind them, or lets them go first. */
  #awaited(): void {
    this.#isContended = true
    this.#ownLine.seen(this.now())
    this.#giveWay()
  }

  /** The ring takes a way to the others, and their attempt one to the server: together as long as the release took. */
  #giveWay(): void {
    const delayMs = GIVE_WAY_MS + this.now() - this.#sentBackAt
    this.#cancelGiveWay ??= this.host.clock.after(delayMs, () => {
      this.#gaveWayInVain = true
      this.#gaveWay()
    })
  }

  /** The others have had the time to come. Nobody rings for those that are left over: they are tried for. */
  #gaveWay(): void {
    this.#endGivingWay()
    this.#isContended = true
    this.#sleeper.awake('poll', true)
  }

  #endGivingWay(): void {
    this.#cancelGiveWay?.()
    this.#cancelGiveWay = null
  }

  /** What it takes of the lock table, besides the shape. */
  #count(): void {
    const entries = this.permitsHere + this.#asked
    if (entries !== this.#counted) this.host.entriesChanged(entries - this.#counted)
    this.#counted = entries
  }

  /** The only writer of the state. */
  #move(to: SemaphoreState): void {
    const from = this.#state
    assertMove(SEMAPHORE_MOVES, from, to, this)
    this.#state = to
    if (HAS_INTEREST.has(from) !== HAS_INTEREST.has(to)) this.host.interestChanged(HAS_INTEREST.has(to))
    if (from === 'inLine') this.#line!.stepOut()
    if (from === 'waiting' || from === 'inLine') this.host.awake()
    if (to === 'waiting' || to === 'inLine') this.host.asleep(this)
  }
}

/** Who waits stands in line for one permit, and the others may become free meanwhile: with more it is better to listen. */
const MAX_LINES = 8

/** So many places in line are given up for lost before it is waited for in another way: that is half a second. */
const MAX_LATE = 2

/** States in which interest is, or may be, set in the server. */
const HAS_INTEREST: ReadonlySet<SemaphoreState> = new Set(['asking', 'waiting', 'yielding', 'leaving'])
