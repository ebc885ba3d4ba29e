import { assertMove } from '../base/assert.js'
import type { Cancel } from '../base/clock.js'
import type { LockError } from '../base/errors.js'
import type { Holding } from '../dialect/dialect.js'
import type { LockKey, LockMode } from '../dialect/lock-key.js'
import { SAID, type Answer, type OperationKind } from '../dialect/lock-operation.js'
import type { DrawnToken } from './drawn-token.js'
import { INTEREST_ENTRIES } from './entry-host.js'
import { ENTRY_MOVES, nextStep, type EntryFacts, type EntryState, type Step } from './entry-state.js'
import { LocalKey } from './local-key.js'
import type { Lock } from './lock.js'
import type { LockWaiter, WaitedFor } from './lock-waiter.js'
import type { Request } from './session-host.js'
import type { Session } from './session.js'
import type { Tenant } from './sessions.js'
import { Others } from './others.js'
import { PlaceInLine, wasQuick } from './place-in-line.js'
import { Sleep, type Wake } from './sleep.js'
import { Turn } from './turn.js'

/**
 * One key, as this process stands towards the server: what it has been asked about it, and what it last said. There is one
 * operation under way at most, and `nextStep` says which.
 */
export class Entry extends LocalKey implements EntryFacts, Request, Tenant, WaitedFor {
  /** What is being asked of the server. There is one operation under way at most, so the entry is its own request. */
  kind: OperationKind = 'try'
  #state: EntryState = 'idle'
  #session: Session | null = null
  /** While it is delayed. */
  #cancelDelay: Cancel | null = null
  /** Made at the first contention: most keys never need one. */
  #sleep: Sleep | null = null
  #isContended = false
  #isMarked = false
  /** It is asleep, and would rather stand in line. */
  #isImpatient = false
  /** It outlasts a rest, for who comes again at once. */
  #others: Others | null = null
  /** Made when it first stands in line. It outlasts a rest as well. */
  #line: PlaceInLine | null = null
  /** Under way, for all who want to know. */
  #lookup: Promise<string | null> | null = null
  #isStepping = false
  #isAtRest = false

  get state(): EntryState {
    return this.#state
  }

  get isContended(): boolean {
    return this.#isContended
  }

  get isMarked(): boolean {
    return this.#isMarked
  }

  get isGivingWay(): boolean {
    if (!this.isForOthers || this.isHurried) return false
    const { first } = this.queue
    return first === null || first.leftMs(this.now()) > HURRIED_BELOW_MS
  }

  /** It was given up here a moment ago, and others are being rung for, or were. It outlasts the rest, for who comes again. */
  get isForOthers(): boolean {
    return this.#state === 'ringing' || (this.#others !== null && this.#others.goFirst(this.now()))
  }

  get isHurried(): boolean {
    return this.queue.first !== null && this.queue.first.patience !== 'wait'
  }

  get mayLineUp(): boolean {
    const line = this.#line
    if (line === null || !line.isBusy(this.now())) return false
    const { first } = this.queue
    if (first === null || first.mode !== 'exclusive' || first.patience !== 'wait') return false
    return this.host.line.mayLineUp(false)
  }

  get wake(): Wake {
    if (this.#state === 'inLine') return this.#line!.hasCome ? 'rung' : 'no'
    return this.#sleep === null ? 'no' : this.#sleep.wake
  }

  get isLate(): boolean {
    const { first } = this.queue
    return first !== null && this.now() - first.since >= LATE_MS
  }

  get isClosing(): boolean {
    return this.host.isClosing
  }

  get hasSession(): boolean {
    return this.#session !== null
  }

  get session(): Session | null {
    return this.#session
  }

  get lastFailure(): LockError | null {
    return this.#session === null ? this.host.lastFailure : null
  }

  override isBusyFor(mode: LockMode): boolean {
    return this.#state === 'delayed' || super.isBusyFor(mode)
  }

  /** Nobody has to do with its key: there is nothing to know about it, and nothing is assigned to it. */
  get isAtRest(): boolean {
    return this.#isAtRest
  }

  /** As new, for somebody who has to do with its key again. */
  reopen(label: LockKey): void {
    this.#isAtRest = false
    this.label = label
    this.#session = null
    // Who comes again at once must know whose turn it is.
    if (!this.isForOthers) this.#sleep = null
    this.#isContended = false
  }

  /** Whether an answer on the wire may be this waiter's lock. */
  isAskingFor(waiter: LockWaiter): boolean {
    const isAsking = this.#state === 'trying' || this.#state === 'asking' || this.#state === 'joining'
    return isAsking && (waiter === this.queue.first || (waiter.mode === 'shared' && this.mode === 'shared'))
  }

  /** Who in another process has it, if that is what is waited for; null if it is not, or nobody can be asked. */
  askForHolder(): Promise<string | null> | null {
    const isAsleep = this.#state === 'waiting' || this.#state === 'inLine'
    if (!isAsleep || this.#session === null) return null
    this.#lookup ??= this.#session.holderOf(this.key).finally(() => (this.#lookup = null))
    return this.#lookup
  }

  /** What the server should have for this key, if nothing is in doubt. What is still unsent has changed nothing there yet. */
  holding(isUnsent: boolean): readonly Holding[] {
    const { key, kind } = this
    const wasAsleep = isUnsent && (kind === 'retry' || kind === 'poll' || kind === 'leave')
    if (this.#state === 'waiting' || wasAsleep) return [{ key, what: 'interest' }]
    const mark: Holding[] = this.#isMarked ? [{ key, what: 'mark' }] : []
    const isHeld = this.#isStaying || (isUnsent && this.turn !== null)
    return isHeld ? [{ key, what: this.mode }, ...mark] : mark
  }

  override verify(): void {
    this.#session?.verify()
  }

  override release(lock: Lock): boolean {
    this.removeHolder(lock)
    if (this.givingUp !== null || this.isHeld) {
      this.confirm(lock)
      return true
    }
    this.givingUp = lock
    this.advance()
    return this.givingUp !== lock
  }

  /** A waiter has gone, served or not. */
  left(waiter: LockWaiter, isGranted: boolean): void {
    this.host.left(waiter, isGranted)
    this.advance()
  }

  /** Takes steps until there is nothing more to do now. Called after everything that may have changed the facts. */
  advance(): void {
    if (this.#isStepping) return
    this.#isStepping = true
    while (this.#take(nextStep(this)));
    this.#isStepping = false
    // The next holder, here, has it already.
    if (this.#state !== 'releasing' && this.#state !== 'yielding') this.gaveUp()
  }

  /** There may be a session for it now, or room. */
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

  /** The server's answer. `stamp` is the last arrival when the batch left. */
  answered(answer: Answer, token: DrawnToken | null, stamp: number, now: number, delayMs: number): void {
    this.#isStepping = true
    if (answer === SAID.granted) this.#granted(token, stamp, now, delayMs)
    else this.#settle(this.kind, answer, now)
    this.#isStepping = false
    this.advance()
  }

  /** The batch failed, and the server has been brought to hold nothing for this key unless it was held before. */
  failed(error: LockError, mayAsk: boolean): void {
    const { kind } = this
    this.#isStepping = true
    this.#move(this.#isStaying ? 'held' : 'idle')
    if (kind === 'release' || kind === 'relinquish' || kind === 'yield') {
      this.gaveUp()
      this.#session?.ring(this)
    } else if (!mayAsk && kind !== 'leave' && kind !== 'unmark') this.refuseHead(error)
    this.#isStepping = false
    this.advance()
  }

  /** The server does not have what it should: the lock is gone, and the session with it or not. */
  lost(reason: string, cause?: Error): void {
    this.#isStepping = true
    this.#sleep?.end()
    this.#session = null
    this.#isMarked = false
    if (this.#state !== 'idle') this.#move('idle')
    this.loseHolders(reason, cause)
    this.#isStepping = false
    this.advance()
  }

  /** The bell rang for this key, by the process `sender`, which has thereby had its turn. */
  rung(sender: string): void {
    const sleep = this.#isToHear ? this.#sleeper : this.#sleep
    sleep?.rung(sender, this.#state === 'waiting')
  }

  rang(isWanted: boolean): void {
    this.#others ??= new Others()
    this.#others.rang(isWanted)
    if (this.#state === 'ringing') {
      this.#rungFor()
      this.advance()
    } else if (!isWanted) this.#stir()
  }

  claimed(sender: string): void {
    this.#sleeper.claimed(sender)
  }

  /** The bell can be heard from now on; whatever rang before was missed. */
  listening(): void {
    this.#stir()
  }

  /** Nobody will ring for us: those we gave it up for have gone, or may have rung already. */
  #stir(): void {
    if (this.#isToHear) this.#sleeper.awake('rung', this.#state === 'waiting')
  }

  /** Whether it sleeps, or is about to. */
  get #isToHear(): boolean {
    return this.#state === 'waiting' || this.#state === 'asking' || this.#state === 'yielding'
  }

  get #sleeper(): Sleep {
    return (this.#sleep ??= new Sleep(this.host, () => this.advance()))
  }

  /** Whether it is ours and not being given up, whatever else is under way. */
  get #isStaying(): boolean {
    return this.turn !== null && this.#state !== 'releasing' && this.#state !== 'yielding'
  }

  /** Carries one step out. True if there may be another. */
  #take(step: Step): boolean {
    switch (step) {
      case 'rest':
        return false
      case 'forget':
        return this.#rest()
      case 'handOff':
        this.verify()
        if (this.#state === 'held') this.grant(this.queue.first!, this.now())
        return true
      case 'stepOut':
        this.#move('idle')
        return true
      case 'lineUp':
      case 'try':
      case 'wait':
      case 'queue':
        return this.#firstAsk(step)
      case 'retry':
      case 'poll':
        return this.#ask(step, 'asking')
      case 'join':
      case 'rejoin':
        return this.#ask(step, 'joining')
      case 'mark':
      case 'unmark':
        return this.#ask(step, 'marking')
      case 'leave':
        this.#sleep!.end()
        return this.#ask(step, 'leaving')
      case 'release':
      case 'relinquish':
        return this.#ask(step, 'releasing')
      case 'yield':
        return this.#ask(step, 'yielding')
    }
  }

  /** True if it was asked for again at once. */
  #rest(): boolean {
    if (this.#isAtRest) return false
    if (this.#state === 'ringing') this.#move('idle')
    this.#isAtRest = true
    this.#sleep?.end()
    this.#line?.end()
    this.host.forget(this)
    // Somebody who was told that its session is idle may have asked for it again.
    if (!this.#isAtRest) return true
    this.#session = null
    return false
  }

  #firstAsk(kind: FirstAsk): boolean {
    const isNew = this.#session === null
    const entries = (isNew ? 1 : 0) + (kind === 'wait' || kind === 'queue' ? INTEREST_ENTRIES : 0)
    const admission = entries === 0 ? 'now' : this.host.admit(this, entries)
    if (admission === 'later') return false
    if (admission !== 'now') return this.#noRoom(kind, isNew, admission)
    this.#session ??= this.host.assign(this)
    if (this.#session === null) return false
    this.mode = this.queue.first!.mode
    if (kind === 'lineUp') return this.#lineUp()
    return this.#ask(kind, kind === 'try' ? 'trying' : 'asking')
  }

  /**
   * Without room for the key itself it can't be had. Without room for interest in it too, whoever waits is not refused: it
   * is tried again now and then, as if the bell could not be heard.
   */
  #noRoom(kind: FirstAsk, isNew: boolean, full: LockError): boolean {
    if (kind === 'try' || kind === 'lineUp') {
      this.refuseHead(full)
      return true
    }
    this.#isContended = false
    this.#others?.forget()
    if (kind === 'queue') return true
    if (!isNew) this.#sleeper.fallAsleep()
    return isNew
  }

  #lineUp(): false {
    const line = this.#ownLine
    this.#move('inLine')
    line.lineUp(this.key)
    return false
  }

  get #ownLine(): PlaceInLine {
    return (this.#line ??= new PlaceInLine(this.host, MAX_LATE, (hasCome) => this.#lineEnded(hasCome)))
  }

  /** Without a turn the place is lost: another is taken, or it is waited for in another way. */
  #lineEnded(hasCome: boolean): void {
    if (!hasCome) {
      this.#move('idle')
      this.#isContended = true
    }
    this.advance()
  }

  #ask(kind: OperationKind, state: EntryState): false {
    this.#sleep?.attempt()
    this.#move(state)
    this.kind = kind
    const ringsBehind = state === 'releasing' && this.#others !== null && this.#others.releasing(this.now())
    this.#session!.submit(this, ringsBehind)
    return false
  }

  /** The answer is anything but granted. */
  #settle(kind: OperationKind, answer: Answer, now: number): void {
    switch (kind) {
      case 'try':
        this.#isContended = true
        this.#line?.attempted(false)
        this.#move('idle')
        return this.refused()
      case 'wait':
        this.#fallAsleep(answer)
        return this.refused()
      case 'queue':
        this.#giveWay()
        return this.refused()
      case 'mark':
      case 'unmark':
        this.#isMarked = kind === 'mark'
        if (answer === SAID.doneAndWanted) this.#session!.ring(this)
        return this.#move(this.#isStaying ? 'held' : 'idle')
      case 'retry':
      case 'poll':
        this.#others?.came()
        if (kind === 'retry') this.#ownLine.seen(now)
        if (kind === 'retry') this.#lostRace()
        this.#fallAsleep(answer)
        return this.refused()
      case 'join':
      case 'rejoin':
        this.isDraining = true
        this.#move('held')
        this.#sleeper.fallAsleep()
        return this.refused()
      case 'leave':
        if (answer === SAID.doneAndWanted) this.#session!.ring(this)
        return this.#move('idle')
      case 'release':
      case 'relinquish':
        return this.#released(answer, now)
      case 'yield':
        return this.#yielded(answer, now)
    }
  }

  #released(answer: Answer, now: number): void {
    if (answer === SAID.done) this.#others?.came()
    const isWanted = answer === SAID.doneAndWanted && !this.#doubtsOthers(now)
    this.#move(isWanted ? 'ringing' : 'idle')
    if (answer === SAID.no) return this.wasNotHeld()
    if (isWanted) this.#ringForOthers()
    this.gaveUp(now)
  }

  #yielded(answer: Answer, now: number): void {
    if (answer === SAID.no) {
      this.#move('idle')
      return this.wasNotHeld()
    }
    if (answer === SAID.done) return this.#yieldedToLine(now)
    const isDoubtful = this.#doubtsOthers(now)
    if (!isDoubtful) this.#session!.ring(this)
    this.gaveUp(now)
    if (this.#state !== 'yielding') return
    this.#giveWay()
    if (isDoubtful) this.#sleeper.awake('rung', true)
  }

  /** Those who stand in line are woken by the server. */
  #yieldedToLine(now: number): void {
    this.#move('idle')
    this.#ownLine.seen(now)
    // Who can't join them waits elsewhere until they have come.
    this.#others ??= new Others()
    this.#others.stoodInLine(now)
    this.gaveUp(now)
  }

  #doubtsOthers(now: number): boolean {
    return this.#others !== null && this.#others.areDoubted(now)
  }

  /** It is ours, or stays ours. */
  #granted(token: DrawnToken | null, stamp: number, now: number, delayMs: number): void {
    if (this.#sleep !== null) this.#sleptUntil(this.#sleep, now)
    if (this.queue.first !== null && wasQuick(this.kind, now - this.queue.first.since))
      this.#ownLine.seen(now)
    this.#line?.attempted(true)
    this.#isContended = this.#isMarked = this.isDraining = false
    const turn = (this.turn = new Turn(token, now))
    this.#move(delayMs > 0 ? 'delayed' : 'held')
    this.gaveUp(now)
    // Who was told may have used it to end the session: then nothing is ours any more.
    if (this.turn !== turn) return
    if (delayMs === 0) return this.passOn(stamp, now)
    this.#beginDelay(delayMs, token, stamp)
    this.host.delayed(this, delayMs)
    this.refused()
  }

  /** It is ours, by whatever was waited for. */
  #sleptUntil(sleep: Sleep, now: number): void {
    if (sleep.gaveWayInVain) (this.#others ??= new Others()).cameNot(now)
    sleep.end()
  }

  #beginDelay(delayMs: number, token: DrawnToken | null, stamp: number): void {
    this.#cancelDelay = this.host.clock.after(delayMs, () => this.#delayOver(token, stamp))
  }

  /** Nobody who was cut off can believe any more to have it. */
  #delayOver(token: DrawnToken | null, stamp: number): void {
    this.verify()
    if (this.#state !== 'delayed') return
    this.#isStepping = true
    this.#move('held')
    this.#session!.settled(this)
    const now = this.now()
    this.turn = new Turn(token, now)
    this.passOn(stamp, now)
    this.#isStepping = false
    this.advance()
  }

  #lostRace(): void {
    this.#sleep!.lostRace(() => this.#session!.claim(this.key))
  }

  #fallAsleep(answer: Answer): void {
    this.#isMarked = false
    this.#move('waiting')
    if (answer === SAID.crowded) this.#sleeper.crowded()
    else this.#sleeper.fallAsleep()
  }

  #ringForOthers(): void {
    const ring = this.#others === null ? 'unsent' : this.#others.ring
    if (ring === 'unsent') this.#session!.ring(this)
    else if (ring === 'answered') this.#rungFor()
  }

  #rungFor(): void {
    this.#others!.letGoFirst(this.now())
    this.#move('idle')
  }

  /** The others do not always come. */
  #giveWay(): void {
    this.#isMarked = false
    this.#move('waiting')
    this.#sleeper.giveWay()
  }

  #endDelay(): void {
    this.#cancelDelay?.()
    this.#cancelDelay = null
  }

  #countImpatient(isImpatient: boolean): void {
    if (isImpatient !== this.#isImpatient) this.host.line.impatient(isImpatient ? 1 : -1)
    this.#isImpatient = isImpatient
  }

  /** The only writer of the state. */
  #move(to: EntryState): void {
    const from = this.#state
    assertMove(ENTRY_MOVES, from, to, this)
    this.#state = to
    if (to === 'idle' || to === 'ringing') this.isDraining = false
    if (from === 'delayed') this.#endDelay()
    if (to === 'idle' || to === 'ringing' || to === 'waiting') this.turn = null
    if (hasInterest(from) !== hasInterest(to)) this.host.interestChanged(hasInterest(to))
    if (from === 'inLine') this.#line!.stepOut()
    this.#countImpatient(to === 'waiting' && this.#line !== null && this.#line.isBusy(this.now()))
    if (from === 'waiting' || from === 'inLine') this.host.awake(this)
    if (to === 'waiting' || to === 'inLine') this.host.asleep(this)
  }
}

/** So many places in line are given up for lost before it is waited for in another way: that is a second. */
const MAX_LATE = 4

/** What may be asked, or done, first. */
type FirstAsk = 'lineUp' | 'try' | 'wait' | 'queue'

/** Who has less time than this is not made to wait for others: it might never have been asked for at all. */
const HURRIED_BELOW_MS = 50

/** From then on a reader does not give way to writers elsewhere: one may be said to wait, and never come. */
const LATE_MS = 10_000

/** States in which interest is, or may be, set in the server. */
function hasInterest(state: EntryState): boolean {
  return state === 'waiting' || state === 'asking' || state === 'leaving'
}
