import { assert } from '../../base/assert.js'
import type { Cancel } from '../../base/clock.js'
import type { LockError } from '../../base/errors.js'
import type { Holding } from '../../dialect/dialect.js'
import type { LockKey, LockMode } from '../../dialect/lock-key.js'
import { SAID, type Answer, type OperationKind } from '../../dialect/lock-operation.js'
import { INTEREST_ENTRIES } from '../contention/parking.js'
import { Others } from '../contention/others.js'
import { hasTimeForLine, type LineEnd } from '../contention/place-in-line.js'
import type { Wake } from '../contention/sleep.js'
import { Turn } from '../contention/turn.js'
import type { Answered, Departure, KeyRequest } from '../session/departure.js'
import type { DrawnToken } from '../handle/drawn-token.js'
import { after, type Lesson, type Reaction } from './key-answers.js'
import { nextStep, type KeyFacts, type KeyState, type Step } from './key-state.js'
import { LocalKey } from './local-key.js'
import type { Lock } from '../handle/lock.js'
import type { LockWaiter, WaitedFor } from '../handle/lock-waiter.js'

/**
 * One key, as this process stands towards the server. `nextStep` says what is done in a state, and `after` what comes of the
 * answer; here both are carried out.
 */
export class KeyEntry extends LocalKey implements KeyFacts, KeyRequest {
  /** For the table that it is in. */
  nextInTable: KeyEntry | null = null
  /** Whether its key has come before: then it is kept when it rests. */
  isRegular = false
  /** What is being asked of the server: the entry is its own operation. */
  kind: OperationKind = 'try'
  /** While it is delayed. */
  #cancelDelay: Cancel | null = null
  #isMarked = false
  /** It outlasts a rest, for a caller who comes again at once. */
  #others: Others | null = null
  #isAtRest = false

  get isMarked(): boolean {
    return this.#isMarked
  }

  get isGivingWay(): boolean {
    return this.isForOthers && !this.isHurried && !this.#isShortOfTime
  }

  /** It was given up here a moment ago, and others are being rung for, or were. It outlasts the rest, for who comes again. */
  get isForOthers(): boolean {
    return this.state === 'ringing' || (this.#others !== null && this.#others.goFirst(this.now()))
  }

  get isHurried(): boolean {
    return this.queue.first !== null && this.queue.first.patience !== 'wait'
  }

  get mayLineUp(): boolean {
    if (!this.isWorthALine || (this.state === 'waiting' && !this.hasLostRace)) return false
    const { first } = this.queue
    if (first === null || first.patience !== 'wait') return false
    return hasTimeForLine(first.leftMs(this.now())) && this.host.line.mayLineUp(this)
  }

  get isLate(): boolean {
    const { first } = this.queue
    return first !== null && this.now() - first.since >= LATE_MS
  }

  protected get aloneAfter(): number {
    return 3
  }

  override isBusyFor(mode: LockMode): boolean {
    return this.state === 'delayed' || super.isBusyFor(mode)
  }

  /** Nobody has to do with its key: there is nothing to know about it, and nothing is assigned to it. */
  get isAtRest(): boolean {
    return this.#isAtRest
  }

  /** As new, for a caller who wants its key again. */
  reopen(label: LockKey): void {
    this.#isAtRest = false
    this.label = label
    // A caller who comes again at once must know whose turn it is.
    if (!this.isForOthers) this.sleep = null
    this.contended = false
  }

  /** Whether an answer on the wire may be this waiter's lock. */
  isAskingFor(waiter: LockWaiter<WaitedFor>): boolean {
    const { state } = this
    const isAsking = state === 'trying' || state === 'asking' || state === 'inLine' || state === 'joining'
    return isAsking && (waiter === this.queue.first || (waiter.mode === 'shared' && this.mode === 'shared'))
  }

  /** Who in another process has it, if that is what is waited for; null if it is not, or nobody can be asked. */
  askForHolder(): Promise<string | null> | null {
    const isElsewhere = this.state === 'waiting' || this.state === 'inLine'
    if (!isElsewhere || this.session === null) return null
    return this.session.signals.holderOf(this.key)
  }

  /** What the server should have for this key, if nothing is in doubt. */
  holding(): readonly Holding[] {
    const { key } = this
    if (this.state === 'waiting') return [{ key, what: 'interest' }]
    const mark: Holding[] = this.#isMarked ? [{ key, what: 'mark' }] : []
    return this.#isStaying ? [{ key, what: this.mode }, ...mark] : mark
  }

  override release(lock: Lock): boolean {
    this.removeHolder(lock)
    // Others here hold it, or another release tells the server: there is no step to take.
    if (this.givingUp !== null || this.isHeld) {
      this.confirm(lock)
      return true
    }
    this.givingUp = lock
    this.touch()
    return this.givingUp !== lock
  }

  /** Takes steps until there is nothing more to do now. */
  advance(): void {
    while (this.#take(nextStep(this)));
    // The next holder, here, has it already; or it is gone.
    if (this.turn === null || this.isHeld) this.gaveUp()
  }

  /** The server's answer. */
  answered(answer: Answer, token: DrawnToken | null, delayMs: number, batch: Answered): void {
    const { now } = batch
    const { learn, to, react } = after(
      this.kind,
      answer,
      this.#others !== null && this.#others.areDoubted(now),
    )
    if (this.kind === 'lineUp') this.ownLine.ended(lineEndOf(answer), now)
    if (to === 'ours') {
      this.#granted(token, delayMs, batch)
      // Nothing is to be done until it is released: that is most grants.
      if (this.mode === 'exclusive' && this.isHeld) return
    } else {
      for (const lesson of learn) this.#learn(lesson, now)
      this.move(to === 'asBefore' ? (this.#isStaying ? 'held' : 'idle') : to)
      for (const reaction of react) this.#react(reaction, now)
    }
    this.touch()
  }

  /**
   * The batch failed, and the server has been brought to hold nothing for this key unless it was held before. Unless that is
   * known a release is not confirmed: the session is about to be lost, which says so.
   */
  failed(error: LockError, mayAsk: boolean, isKnown = true): void {
    const { kind } = this
    this.move(this.#isStaying ? 'held' : 'idle')
    if (kind === 'release' || kind === 'relinquish' || kind === 'yield') {
      if (isKnown) {
        this.gaveUp()
        this.ring()
      }
    } else if (!mayAsk && kind !== 'leave' && kind !== 'unmark') this.refuseHead(error)
    this.touch()
  }

  /** The server does not have what it should: the lock is gone, and the session with it or not. */
  lost(reason: string, cause?: Error): void {
    this.sleep?.end()
    this.#isMarked = false
    if (this.state !== 'idle') this.move('idle')
    this.leaveSession()
    this.loseHolders(reason, cause)
    this.touch()
  }

  /** The process `sender` rang for this key, and has thereby had its turn. */
  rung(sender: string): void {
    const sleep = this.#isToHear ? this.ownSleep : this.sleep
    sleep?.rung(sender, this.state === 'waiting')
  }

  rang(isWanted: boolean): void {
    this.#others ??= new Others()
    this.#others.rang(isWanted)
    if (this.state === 'ringing') {
      this.#rungFor()
      this.touch()
    } else if (!isWanted) this.#stir('rung')
  }

  /** Wake-ups can be heard from now on; earlier ones were missed. */
  listening(): void {
    // A look, and no race: to lose it says nothing of others who want the key.
    this.#stir('poll')
  }

  /** Nobody will ring for us: those we gave it up for have gone, or may have rung already. */
  #stir(wake: Wake): void {
    if (this.#isToHear) this.ownSleep.awake(wake, this.state === 'waiting')
  }

  /** Whether it sleeps, or is about to. */
  get #isToHear(): boolean {
    return this.state === 'waiting' || this.state === 'asking' || this.state === 'yielding'
  }

  /** Whether it is ours and not being given up, whatever else is under way. */
  get #isStaying(): boolean {
    return this.turn !== null && this.state !== 'releasing' && this.state !== 'yielding'
  }

  /** Carries one step out, or asks for it. True if there may be another. */
  #take(step: Step): boolean {
    switch (step) {
      case 'rest':
        return false
      case 'forget':
        this.#rest()
        return false
      case 'handOff':
        this.verify()
        if (this.state === 'held') this.grant(this.queue.first!, this.now())
        return true
      case 'lineUp':
      case 'try':
      case 'wait':
      case 'queue':
      case 'retry':
      case 'poll':
      case 'join':
      case 'rejoin':
      case 'mark':
      case 'unmark':
      case 'leave':
      case 'release':
      case 'relinquish':
      case 'yield':
        return this.#askFor(step)
    }
  }

  #rest(): void {
    if (this.#isAtRest) return
    if (this.state === 'ringing') this.move('idle')
    this.#isAtRest = true
    this.sleep?.end()
    this.host.forget(this)
    this.leaveSession()
  }

  /** A key that is on no session yet needs room for itself. */
  #askFor(step: Step): boolean {
    const admission = this.session === null ? this.host.admit(this, 1) : 'now'
    if (admission === 'later') return false
    if (admission !== 'now') {
      this.refuseHead(admission)
      return true
    }
    if (step === 'lineUp') this.askInLine()
    else this.ask()
    return false
  }

  protected departing(departure: Departure): void {
    const step = nextStep(this)
    switch (step) {
      case 'try':
        this.mode = this.queue.first!.mode
        return this.#leave(departure, step, 'trying')
      case 'lineUp':
        return this.#leaveForLine(departure)
      case 'wait':
      case 'queue':
        return this.#leaveWithInterest(departure, step)
      case 'retry':
      case 'poll':
        return this.#leave(departure, step, 'asking')
      case 'join':
      case 'rejoin':
        return this.#leave(departure, step, 'joining')
      case 'mark':
      case 'unmark':
        return this.#leave(departure, step, 'marking')
      case 'leave':
        this.sleep!.end()
        return this.#leave(departure, step, 'leaving')
      case 'release':
      case 'relinquish':
        if (this.#others?.releasing(this.now()) === true) departure.ringBehind(this)
        return this.#leave(departure, step, 'releasing')
      case 'yield':
        return this.#leave(departure, step, 'yielding')
      case 'rest':
      case 'forget':
      case 'handOff':
        // Time has passed since it was to ask.
        return this.touch()
    }
  }

  #leave(departure: Departure, kind: OperationKind, state: KeyState): void {
    this.sleep?.attempt()
    this.move(state)
    this.kind = kind
    departure.ask(this)
  }

  #leaveForLine(departure: Departure): void {
    // Others have come to this session since.
    if (!this.isAlone) return this.touch()
    this.mode = this.queue.first!.mode
    this.#leave(departure, 'lineUp', 'inLine')
    departure.waitMs = this.lineMs
  }

  #leaveWithInterest(departure: Departure, step: 'wait' | 'queue'): void {
    if (this.isWorthALine) this.host.line.wantAlone()
    const admission = this.host.admit(this, INTEREST_ENTRIES)
    if (admission === 'later') return
    if (admission !== 'now') return this.#noRoom(step)
    this.mode = this.queue.first!.mode
    this.#leave(departure, step, 'asking')
  }

  /** Without room for interest a caller who waits is not refused: the key is tried for now and then, as if no wake-up came. */
  #noRoom(step: 'wait' | 'queue'): void {
    this.contended = false
    this.#others?.forget()
    if (step === 'wait') this.ownSleep.fallAsleep()
    else this.touch()
  }

  #learn(lesson: Lesson, now: number): void {
    switch (lesson) {
      case 'contended':
        this.contended = true
        return
      case 'othersListen':
        return this.line?.othersListen(now)
      case 'hot':
        return this.ownLine.seen(now)
      case 'othersCame':
        return this.#others?.came()
      case 'raceLost':
        return this.loseRace()
      case 'marked':
      case 'unmarked':
        this.#isMarked = lesson === 'marked'
        return
      case 'draining':
        this.isDraining = true
        return
      case 'lineGoesFirst':
        // A caller who can't join them waits elsewhere until they have come.
        this.#others ??= new Others()
        return this.#others.stoodInLine(now)
    }
  }

  #react(reaction: Reaction, now: number): void {
    switch (reaction) {
      case 'ring':
        return this.ring()
      case 'ringForOthers':
        return this.#ringForOthers()
      case 'fallAsleep':
        return this.ownSleep.fallAsleep()
      case 'sleepCrowded':
        return this.ownSleep.crowded()
      case 'giveWay':
        return this.#giveWay()
      case 'lookAgain':
        return this.ownSleep.awake('rung', true)
      case 'gaveUp':
        return this.gaveUp(now)
      case 'notHeld':
        return this.wasNotHeld()
      case 'refuse':
        return this.refused()
    }
  }

  #giveWay(): void {
    this.ownSleep.giveWay()
    if (this.#isShortOfTime) this.ownSleep.awake('rung', true)
  }

  /** A caller who has not the time to let others go first might never be asked for at all. */
  get #isShortOfTime(): boolean {
    const { first } = this.queue
    return first !== null && first.leftMs(this.now()) <= HURRIED_BELOW_MS
  }

  /** It is ours, or stays ours. */
  #granted(token: DrawnToken | null, delayMs: number, { now, stamp, tripMs }: Answered): void {
    if (this.sleep !== null) this.#sleptUntil(now)
    this.learnFrom(this.kind, now)
    this.contended = this.#isMarked = this.isDraining = false
    this.turn = new Turn(token, now, tripMs)
    this.move(delayMs > 0 ? 'delayed' : 'held')
    this.gaveUp(now)
    if (delayMs === 0) return this.passOn(stamp, now)
    this.#cancelDelay = this.host.clock.after(delayMs, () => this.#delayOver(token, stamp))
    this.host.delayed(this, delayMs)
    this.refused()
  }

  /** It is ours, by whatever was waited for. */
  #sleptUntil(now: number): void {
    if (this.sleep!.gaveWayInVain) (this.#others ??= new Others()).cameNot(now)
    this.sleep!.end()
  }

  /** No holder that was cut off can believe any more to have it. */
  #delayOver(token: DrawnToken | null, stamp: number): void {
    this.host.agenda.run(() => {
      this.verify()
      if (this.state !== 'delayed') return
      this.move('held')
      this.session!.signals.settled(this)
      const now = this.now()
      this.turn = new Turn(token, now, 0)
      this.passOn(stamp, now)
      this.touch()
    })
  }

  #ringForOthers(): void {
    const ring = this.#others === null ? 'unsent' : this.#others.ring
    if (ring === 'unsent') this.ring()
    else if (ring === 'answered') this.#rungFor()
  }

  #rungFor(): void {
    this.#others!.letGoFirst(this.now())
    this.move('idle')
  }

  protected entered(to: KeyState, from: KeyState): void {
    if (from === 'delayed') this.#endDelay()
    if (to === 'idle' || to === 'ringing') this.isDraining = false
    if (to === 'idle' || to === 'ringing' || to === 'waiting') this.turn = null
    if (to === 'waiting') this.#isMarked = false
    assert(this.turn !== null || !NEEDS_TURN.has(to), 'the server has it as ours')
  }

  #endDelay(): void {
    this.#cancelDelay?.()
    this.#cancelDelay = null
  }
}

/** States in which the server has the key as ours, by its last answer. */
const NEEDS_TURN: ReadonlySet<KeyState> = new Set(['delayed', 'held', 'joining', 'releasing', 'yielding'])

function lineEndOf(answer: Answer): LineEnd {
  if (answer === SAID.free) return 'free'
  return answer === SAID.granted ? 'come' : 'late'
}

/** A caller with less time than this is not made to wait for others. */
const HURRIED_BELOW_MS = 50

/** From then on a reader does not give way to writers elsewhere: one may be said to wait, and never come. */
const LATE_MS = 10_000
