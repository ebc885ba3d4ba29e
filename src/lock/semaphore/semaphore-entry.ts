import type { Cancel } from '../../base/clock.js'
import type { LockError } from '../../base/errors.js'
import type { Holding } from '../../dialect/dialect.js'
import type { KeyCode } from '../../dialect/lock-key.js'
import type { PermitKind, PermitOperation, PermitReply } from '../../dialect/permit-operation.js'
import { Courtesy } from '../contention/courtesy.js'
import { INTEREST_ENTRIES } from '../contention/parking.js'
import { hasTimeForLine, type LineEnd } from '../contention/place-in-line.js'
import { GIVE_WAY_MS } from '../contention/sleep.js'
import type { Departure } from '../session/departure.js'
import type { LockWaiter, WaitedFor } from '../handle/lock-waiter.js'
import type { Answered, PermitRequest } from '../session/departure.js'
import { LocalPermits } from './local-permits.js'
import { afterReply, type PermitReaction } from './permit-answers.js'
import { nextSemaphoreStep, type SemaphoreFacts, type SemaphoreStep } from './semaphore-state.js'

/** What a step asks of the server. */
type Asking = 'take' | 'lineUp' | 'wait' | 'retry' | 'poll'

/**
 * One semaphore, as this process stands towards the server. All its permits are on one session. `nextSemaphoreStep` says
 * what is done in a state, and `afterReply` what comes of the reply; here both are carried out.
 */
export class SemaphoreEntry extends LocalPermits implements SemaphoreFacts, PermitRequest {
  #cancelGiveWay: Cancel | null = null
  readonly #courtesy = new Courtesy()
  #gaveWayInVain = false
  /** When permits were last sent back, on the clock. */
  #sentBackAt = 0
  /** Permits that are being asked for, and why. */
  #asked = 0
  #asking: Asking = 'take'
  #counted = 0
  #isForgotten = false

  get key(): KeyCode {
    return this.semaphore.key
  }

  get isGivingWay(): boolean {
    if (this.#cancelGiveWay === null || this.isClosing) return false
    // A caller who can't wait asks now.
    return this.queue.first === null || this.queue.first.patience === 'wait'
  }

  /** With permits here it is another matter: some of them may be given up any moment. */
  get mayLineUp(): boolean {
    if (this.state === 'waiting' ? !this.hasLostRace : !this.contended) return false
    if (!this.isWorthALine || this.permitsHere > 0 || this.semaphore.permits > MAX_LINES) return false
    const { first } = this.queue
    if (first === null || first.patience !== 'wait') return false
    return hasTimeForLine(first.leftMs(this.now())) && this.host.line.mayLineUp(this)
  }

  /** Of several permits some may be free while there is a line for others. */
  protected get aloneAfter(): number {
    return 3 * this.semaphore.permits
  }

  /** Whether an answer on the wire may be this waiter's permit. */
  isAskingFor(waiter: LockWaiter<WaitedFor>): boolean {
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
    const held: Holding[] = [...this.slots.keys()].map((number) => ({
      key: this.semaphore.slot(number),
      what: 'exclusive',
    }))
    if (this.state === 'waiting') held.push({ key, what: 'interest' })
    if (held.length > 0) held.push({ key: shape, what: 'shared' })
    return held
  }

  /** Takes steps until there is nothing more to do now. */
  advance(): void {
    while (this.#take(nextSemaphoreStep(this)));
    this.#count()
  }

  replied(reply: PermitReply, { now, tripMs }: Answered): void {
    const { state } = this
    const { to, react } = afterReply(state, reply.said, this.#courtesy.isResting(now))
    const isTaking = state === 'taking' || state === 'inLine' || state === 'asking'
    if (state === 'inLine') this.ownLine.ended(lineEndOf(reply), now)
    if (isTaking) this.#tookSome(reply, now, tripMs)
    this.move(to)
    for (const reaction of react) this.#react(reaction, reply, now)
    if (isTaking) this.#afterTaking()
    this.touch()
  }

  /** The server has been brought to have for it what `holding` says, if that is known. */
  failed(error: LockError, mayAsk: boolean, isKnown = true): void {
    const isRelease = this.state === 'releasing' || this.state === 'yielding'
    const asked = this.#asked
    this.#asked = 0
    this.move('idle')
    if (isRelease) {
      if (isKnown) {
        this.gaveUp([])
        this.ring()
      }
    } else if (!mayAsk) this.refuse(error, asked)
    this.touch()
  }

  lost(reason: string, cause?: Error): void {
    this.sleep?.end()
    this.#endGivingWay()
    this.#asked = 0
    if (this.state !== 'idle') this.move('idle')
    this.leaveSession()
    this.losePermits(reason, cause)
    this.touch()
  }

  /** The process `sender` rang, and has thereby had its turn. */
  rung(sender: string): void {
    this.ownSleep.rung(sender, this.state === 'waiting' && !this.isGivingWay)
  }

  rang(isWanted: boolean): void {
    // Those we gave way to have gone.
    if (!isWanted) this.#gaveWay()
  }

  /** Wake-ups can be heard from now on; earlier ones were missed. */
  listening(): void {
    // A look, and no race: to lose it says nothing of others who want permits.
    this.ownSleep.awake('poll', this.state === 'waiting')
  }

  /** Carries one step out, or asks for it. True if there may be another. */
  #take(step: SemaphoreStep): boolean {
    switch (step) {
      case 'rest':
        return false
      case 'forget':
        this.#forget()
        return false
      case 'handOff':
        this.verify()
        this.handOff()
        return true
      case 'lineUp':
        this.askInLine()
        return false
      case 'take':
      case 'wait':
      case 'retry':
      case 'poll':
      case 'release':
      case 'yield':
      case 'leave':
        this.ask()
        return false
    }
  }

  #forget(): void {
    if (this.#isForgotten) return
    this.#isForgotten = true
    this.sleep?.end()
    this.#endGivingWay()
    this.host.forget(this)
    this.leaveSession()
  }

  protected departing(departure: Departure): void {
    const step = nextSemaphoreStep(this)
    switch (step) {
      case 'lineUp':
        // Others have come to this session since.
        if (!this.isAlone) return this.touch()
        return this.#leaveToTake(departure, step)
      case 'take':
      case 'wait':
      case 'retry':
      case 'poll':
        return this.#leaveToTake(departure, step)
      case 'release':
      case 'yield':
        return this.#leaveToRelease(departure, step)
      case 'leave':
        this.sleep!.end()
        this.move('leaving')
        return this.#operation(departure, 'leave', { exits: this.permitsHere === 0 })
      case 'rest':
      case 'forget':
      case 'handOff':
        // Time has passed since it was to ask.
        return this.touch()
    }
  }

  #anySlot(): number {
    return Math.floor(this.host.random.next() * this.semaphore.permits)
  }

  #leaveToTake(departure: Departure, step: Asking): void {
    if (step === 'wait' && this.isWorthALine) this.host.line.wantAlone()
    const atMost = this.#admitted(step)
    if (atMost === 0) return
    this.sleep?.attempt()
    const details = {
      atMost,
      // There is a line for each permit. Each is as good, as long as they are few.
      from: this.#anySlot(),
      slots: [...this.slots.keys()],
      enters: this.permitsHere === 0 && this.state === 'idle',
      looks: this.host.isLookDue(this),
      waitMs: step === 'lineUp' ? Math.min(this.lineMs, LINE_MS) : 0,
    }
    this.move(step === 'take' ? 'taking' : step === 'lineUp' ? 'inLine' : 'asking')
    this.#asked = atMost
    this.#asking = step
    this.#count()
    this.#operation(departure, step === 'poll' ? 'retry' : step, details)
  }

  #leaveToRelease(departure: Departure, step: 'release' | 'yield'): void {
    const slots = this.giveUpSpare()
    this.#sentBackAt = this.now()
    this.move(step === 'release' ? 'releasing' : 'yielding')
    this.#operation(departure, 'release', { slots, exits: this.permitsHere === 0 && step === 'release' })
  }

  /** How many of those that are wanted there is room for in the lock table. With none, callers are told later or now. */
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

  /** Without room for interest it is tried again now and then, as if no wake-up came. */
  #noRoom(step: Asking, full: LockError): void {
    this.contended = this.contended && step !== 'wait'
    if (step === 'take' || step === 'lineUp') this.refuse(full, 1)
    else {
      this.sleep?.attempt()
      this.ownSleep.fallAsleep()
    }
  }

  #operation(departure: Departure, kind: PermitKind, details: Partial<PermitOperation>): void {
    const nothing = { atMost: 0, from: 0, slots: [], enters: false, exits: false, waitMs: 0, looks: false }
    departure.askPermits(this, { kind, semaphore: this.semaphore, ...nothing, ...details })
  }

  #tookSome({ taken, otherPermits }: PermitReply, now: number, tripMs: number): void {
    const isEnough = taken.length === this.#asked
    if (taken.length > 0) this.learnFrom(this.#asking === 'take' ? 'try' : this.#asking, now)
    if (taken.length === 0 && this.#asking === 'retry') {
      this.ownLine.seen(now)
      this.loseRace()
    }
    this.#asked = 0
    this.take(taken, now, tripMs)
    const mismatch = this.host.looked(this, otherPermits)
    if (mismatch !== null) this.refuse(mismatch, Infinity)
    while (this.mayHandOff && this.isWaitedFor) this.handOff()
    this.#judgeOthers(isEnough, now)
    this.contended = !isEnough
  }

  #afterTaking(): void {
    if (this.contended) this.refused()
    else this.sleep?.end()
  }

  #react(reaction: PermitReaction, { missing }: PermitReply, now: number): void {
    switch (reaction) {
      case 'fallAsleep':
      case 'sleepCrowded':
        return reaction === 'fallAsleep' ? this.ownSleep.fallAsleep() : this.ownSleep.crowded()
      case 'gaveUp':
        return this.gaveUp(missing)
      case 'othersListen':
        return this.line?.othersListen(now)
      case 'trustOthers':
        return this.#courtesy.wasRight()
      case 'ring':
        return this.ring()
      case 'giveWay':
        return this.#giveWay(now)
      case 'lineGoesFirst':
        // A caller who wants permits here stands behind them, or lets them go first.
        this.contended = true
        return this.ownLine.seen(now)
      case 'lookAgain':
        return this.ownSleep.awake('poll', true)
    }
  }

  /** Those that permits were given up for have taken them, or never came. */
  #judgeOthers(isEnough: boolean, now: number): void {
    if (!isEnough) this.#courtesy.wasRight()
    else if (this.#gaveWayInVain) this.#courtesy.wasInVain(now)
    this.#gaveWayInVain = false
  }

  /** The ring takes a way to the others, and their attempt one to the server: together as long as the release took. */
  #giveWay(now: number): void {
    const delayMs = GIVE_WAY_MS + now - this.#sentBackAt
    this.#cancelGiveWay ??= this.host.clock.after(delayMs, () => {
      this.#gaveWayInVain = true
      this.#gaveWay()
    })
  }

  /** The others have had the time to come. No process rings for those that are left over: they are tried for. */
  #gaveWay(): void {
    this.#endGivingWay()
    this.contended = true
    this.ownSleep.awake('poll', true)
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

  protected entered(): void {}
}

function lineEndOf({ taken, said }: PermitReply): LineEnd {
  if (taken.length === 0) return 'late'
  return said === 'free' ? 'free' : 'come'
}

/** Whoever stands in line for one permit does not see that another is free. */
const LINE_MS = 250

/** A waiter stands in line for one permit, and the others may become free meanwhile: with more it is better to listen. */
const MAX_LINES = 8
