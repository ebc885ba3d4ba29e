import { assert } from '../../base/assert.js'
import { StaleTokenError, type LockError } from '../../base/errors.js'
import type { Holding } from '../../dialect/dialect.js'
import type { LockKey, LockMode } from '../../dialect/lock-key.js'
import { SAID, type Answer, type OperationKind } from '../../dialect/lock-operation.js'
import { REGISTRATION_ENTRIES } from '../contention/lock-table-waiters.js'
import { OtherProcesses } from '../contention/other-processes.js'
import type { QueueWaitEnd } from '../contention/queue-policy.js'
import type { Wake } from '../contention/remote-wait.js'
import { CohortTurn } from '../contention/cohort-turn.js'
import type { Answered, OutgoingBatch, KeyRequest } from '../session/outgoing-batch.js'
import type { Session } from '../session/session.js'
import type { DrawnToken } from '../handle/drawn-token.js'
import { ConversionWaiter } from '../handle/conversion-waiter.js'
import { consequenceOf, type Lesson, type Reaction } from './key-answers.js'
import { nextStep, type Conversion, type KeyFacts, type KeyState, type Step } from './key-state.js'
import { LocalKey, NOT_HELD } from './local-key.js'
import { LockDelay } from './lock-delay.js'
import type { Lock } from '../handle/lock.js'
import type { LockWaiter, WaitedFor } from '../handle/lock-waiter.js'

/**
 * One key, from this process towards the server. `nextStep` chooses the step for a state, and `consequenceOf` says what follows
 * from the answer; the entry executes both.
 */
export class KeyEntry extends LocalKey implements KeyFacts, KeyRequest {
  /** The next entry of the same bucket in the entry table. */
  nextInTable: KeyEntry | null = null
  /** Whether the key was used before: then the entry is kept when it rests. */
  isRegular = false
  /** The operation at the server: the entry is its own operation. */
  kind: OperationKind = 'try'
  /** In the state `delayed`. */
  #lockDelay: LockDelay | null = null
  #hasIntent = false
  /** Survives a rest, for a caller that comes again at once. */
  #otherProcesses: OtherProcesses | null = null
  #isAtRest = false

  get hasIntent(): boolean {
    return this.#hasIntent
  }

  get isYielding(): boolean {
    return this.yieldsToProcesses && !this.isHurried && !this.#isShortOfTime
  }

  /**
   * This process released the key a moment ago, and is notifying others, or has done so. It survives the rest, for a
   * caller that comes again.
   */
  get yieldsToProcesses(): boolean {
    return (
      this.state === 'notifying' ||
      (this.#otherProcesses !== null && this.#otherProcesses.havePrecedence(this.now()))
    )
  }

  get isHurried(): boolean {
    return this.queue.first !== null && this.queue.first.waitPolicy !== 'wait'
  }

  get mayEnqueue(): boolean {
    return (this.state !== 'waiting' || this.prefersServerQueue) && this.canEnqueue
  }

  get conversion(): Conversion | null {
    const { first } = this.queue
    if (this.mode === 'shared') return first instanceof ConversionWaiter ? 'upgrade' : null
    // A caller may have gone while its upgrade was on the wire.
    const isTooMuch = this.holders.length > 0 && this.holders[0]!.mode === 'shared'
    return isTooMuch || first instanceof ConversionWaiter ? 'downgrade' : null
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

  /** Whether it is unused: no holder, no waiter, no session. */
  get isAtRest(): boolean {
    return this.#isAtRest
  }

  /** Makes it as new, for a caller that wants the key again. */
  reopen(label: LockKey): void {
    this.#isAtRest = false
    this.label = label
    // If a caller comes again at once, the entry must know which process has precedence.
    if (!this.yieldsToProcesses) this.remoteWait = null
    this.contended = false
  }

  /** Whether an answer on the wire may grant this waiter the lock. */
  isAskingFor(waiter: LockWaiter<WaitedFor>): boolean {
    const { state } = this
    // A wait in the queue ends in time for the first waiter, and for no other.
    if (state === 'queued') return waiter === this.queue.first
    if (state === 'converting') return waiter === this.queue.first
    const isAsking = state === 'trying' || state === 'polling' || state === 'joining'
    return isAsking && (waiter === this.queue.first || (waiter.mode === 'shared' && this.mode === 'shared'))
  }

  /**
   * The holder in another process, if that is what the waiter waits for; null if it is not, or if the server cannot be
   * asked.
   */
  askForHolder(waiter: LockWaiter<WaitedFor>): Promise<string | null> | null {
    return this.#sessionToAsk(waiter)?.signals.holderOf(this.key) ?? null
  }

  /** A session that waits in the queue answers when that wait is over, which is soon only for the first waiter. */
  #sessionToAsk(waiter: LockWaiter<WaitedFor>): Session | null {
    if (this.state === 'waiting') return this.session
    if (this.state !== 'queued') return null
    return this.host.serverQueue.leastUsed() ?? (waiter === this.queue.first ? this.session : null)
  }

  /** What the server should have for this key, if nothing is in doubt. */
  holding(): readonly Holding[] {
    const { key } = this
    if (this.state === 'waiting') return [{ key, what: 'registration' }]
    const intent: Holding[] = this.#hasIntent ? [{ key, what: 'intent' }] : []
    return this.#isStaying ? [{ key, what: this.mode }, ...intent] : intent
  }

  override release(lock: Lock): boolean {
    this.removeHolder(lock)
    if (this.queue.first instanceof ConversionWaiter) this.#endConversion(lock)
    // Other local callers hold the lock, or another release is under way: there is no step to take.
    if (this.releasing !== null || this.isHeld) {
      this.confirm(lock)
      return true
    }
    this.releasing = lock
    this.touch()
    return this.releasing !== lock
  }

  /** A holder has gone: its own conversion ends, and that of another may be possible now. */
  #endConversion(lock: Lock): void {
    for (const waiter of this.queue)
      if (waiter instanceof ConversionWaiter && waiter.held === lock)
        waiter.refuse(new StaleTokenError(`${this.inWords} has been released`))
    this.touch()
  }

  /** Takes steps until nothing more can be done now. */
  advance(): void {
    while (this.#take(nextStep(this)));
    // The next local holder has the key already, or the lock is lost.
    if (this.turn === null || this.isHeld) this.releaseConfirmed()
  }

  /** The server's answer. */
  answered(answer: Answer, token: DrawnToken | null, lockDelayMs: number, batch: Answered): void {
    const { now } = batch
    const { learn, to, react } = consequenceOf(
      this.kind,
      answer,
      this.#otherProcesses !== null && this.#otherProcesses.areDoubted(now),
    )
    if (this.kind === 'enqueue') this.ownQueuePolicy.ended(queueWaitEndOf(answer), now)
    if (to === 'ours' && this.state === 'converting') this.#converted(token, batch)
    else if (to === 'ours') {
      this.#granted(token, lockDelayMs, batch)
      // The next step comes with the release: that is the case for most grants.
      if (this.mode === 'exclusive' && this.isHeld) return
    } else {
      for (const lesson of learn) this.#learn(lesson, now)
      this.move(to === 'asBefore' ? (this.#isStaying ? 'held' : 'idle') : to)
      for (const reaction of react) this.#react(reaction, now)
    }
    this.touch()
  }

  /**
   * The batch failed, and the server now holds nothing for this key that it did not hold before. Unless that is known, a
   * release is not confirmed: then the session is about to be lost, which reports it.
   */
  failed(error: LockError, mayAsk: boolean, isKnown = true): void {
    const { kind } = this
    this.move(this.#isStaying ? 'held' : 'idle')
    if (kind === 'release' || kind === 'releaseEarly' || kind === 'yield') {
      if (isKnown) {
        this.releaseConfirmed()
        this.notifyWaiters()
      }
    } else if (!mayAsk && kind !== 'leave' && kind !== 'clearIntent') this.refuseHead(error)
    this.touch()
  }

  /** The server does not have the lock that it should have: the lock is lost, with or without the session. */
  lost(reason: string, cause?: Error): void {
    this.remoteWait?.end()
    this.#hasIntent = false
    if (this.state !== 'idle') this.move('idle')
    this.loseSession()
    this.loseHolders(reason, cause)
    this.touch()
  }

  /** The process `sender` sent a wake-up for this key, and has therefore had its turn. */
  woken(sender: string): void {
    const sleep = this.#isToHear ? this.ownRemoteWait : this.remoteWait
    sleep?.woken(sender, this.state === 'waiting')
  }

  notified(isWanted: boolean): void {
    this.#otherProcesses ??= new OtherProcesses()
    this.#otherProcesses.notified(isWanted)
    if (this.state === 'notifying') {
      this.#wakeUpSent()
      this.touch()
    } else if (!isWanted) this.#stir('woken')
  }

  /** From now on wake-ups arrive; earlier ones were missed. */
  listening(): void {
    // This is a look, not a race: losing it says nothing about other processes.
    this.#stir('poll')
  }

  /** No wake-up is expected any more: the processes to which it yielded have gone, or have sent it already. */
  #stir(wake: Wake): void {
    if (this.#isToHear) this.ownRemoteWait.wakeUp(wake, this.state === 'waiting')
  }

  /** Whether it waits for another process, or is about to. */
  get #isToHear(): boolean {
    return this.state === 'waiting' || this.state === 'polling' || this.state === 'yielding'
  }

  /** Whether this process has the key and is not releasing it, whatever else is under way. */
  get #isStaying(): boolean {
    return this.turn !== null && this.state !== 'releasing' && this.state !== 'yielding'
  }

  /** Executes one step, or asks for it. True if there may be another. */
  #take(step: Step): boolean {
    switch (step) {
      case 'rest':
        return false
      case 'evict':
        this.#rest()
        return false
      case 'handOff':
        this.verify()
        if (this.state === 'held') this.grant(this.queue.first!, this.now())
        return true
      case 'enqueue':
      case 'try':
      case 'wait':
      case 'queue':
      case 'retry':
      case 'poll':
      case 'join':
      case 'rejoin':
      case 'upgrade':
      case 'downgrade':
      case 'setIntent':
      case 'clearIntent':
      case 'leave':
      case 'release':
      case 'releaseEarly':
      case 'yield':
        return this.#askFor(step)
    }
  }

  #rest(): void {
    if (this.#isAtRest) return
    if (this.state === 'notifying') this.move('idle')
    this.#isAtRest = true
    this.remoteWait?.end()
    this.host.evict(this)
    this.leaveSession()
  }

  /** A key without a session needs room for itself. */
  #askFor(step: Step): boolean {
    const admission = this.session === null ? this.host.admit(this, 1) : 'now'
    if (admission === 'later') return false
    if (admission !== 'now') {
      this.refuseHead(admission)
      return true
    }
    if (step === 'enqueue') this.askInServerQueue()
    else this.ask()
    return false
  }

  protected addOperation(outgoing: OutgoingBatch): void {
    const step = nextStep(this)
    switch (step) {
      case 'try':
        this.mode = this.queue.first!.mode
        return this.#send(outgoing, step, 'trying')
      case 'enqueue':
        return this.#sendToServerQueue(outgoing)
      case 'wait':
      case 'queue':
        return this.#sendWithRegistration(outgoing, step)
      case 'retry':
      case 'poll':
        return this.#send(outgoing, step, 'polling')
      case 'join':
      case 'rejoin':
        return this.#send(outgoing, step, 'joining')
      case 'upgrade':
      case 'downgrade':
        return this.#send(outgoing, step, 'converting')
      case 'setIntent':
      case 'clearIntent':
        return this.#send(outgoing, step, 'registeringIntent')
      case 'leave':
        this.remoteWait!.end()
        return this.#send(outgoing, step, 'leaving')
      case 'release':
      case 'releaseEarly':
        if (this.#otherProcesses?.notifiesWithRelease(this.now()) === true) outgoing.notifyAfter(this)
        return this.#send(outgoing, step, 'releasing')
      case 'yield':
        return this.#send(outgoing, step, 'yielding')
      case 'rest':
      case 'evict':
      case 'handOff':
        // Time has passed since the entry decided to ask.
        return this.touch()
    }
  }

  #send(outgoing: OutgoingBatch, kind: OperationKind, state: KeyState): void {
    this.remoteWait?.attempt()
    this.move(state)
    this.kind = kind
    outgoing.ask(this)
  }

  #sendToServerQueue(outgoing: OutgoingBatch): void {
    // Other keys have been assigned to this session meanwhile.
    if (!this.isAlone) return this.touch()
    this.mode = this.queue.first!.mode
    this.#send(outgoing, 'enqueue', 'queued')
    outgoing.waitMs = this.queueWaitMs
  }

  #sendWithRegistration(outgoing: OutgoingBatch, step: 'wait' | 'queue'): void {
    this.registerInstead()
    const admission = this.host.admit(this, REGISTRATION_ENTRIES)
    if (admission === 'later') return
    if (admission !== 'now') return this.#noRoom(step)
    this.mode = this.queue.first!.mode
    this.#send(outgoing, step, 'polling')
  }

  /**
   * Without room for a registration a waiting caller is not refused: the process tries the key now and then, as if no
   * wake-up came.
   */
  #noRoom(step: 'wait' | 'queue'): void {
    this.contended = false
    this.#otherProcesses?.stopYielding()
    if (step === 'wait') this.ownRemoteWait.wait()
    else this.touch()
  }

  /** Programs that lock without lockpool send no wake-ups. If they queue in the server, only a place there is of use. */
  #lookForQueue(): void {
    const { serverQueue } = this.host
    if (this.session === null || !serverQueue.mayEnqueue(this) || !serverQueue.mayLook()) return
    void this.session.signals.isQueuedFor(this.key).then((isQueued) => {
      if (!isQueued || this.state !== 'waiting') return
      this.host.agenda.run(() => {
        this.ownQueuePolicy.seen(this.now())
        this.ownRemoteWait.sawQueue()
        this.touch()
      })
    })
  }

  #learn(lesson: Lesson, now: number): void {
    switch (lesson) {
      case 'contended':
        this.contended = true
        return
      case 'othersListen':
        return this.queuePolicy?.othersListen(this.wall)
      case 'hot':
        return this.ownQueuePolicy.seen(now)
      case 'othersCame':
        return this.#otherProcesses?.came()
      case 'raceLost':
        return this.loseRace()
      case 'pollLost':
        return this.#lookForQueue()
      case 'intentSet':
      case 'intentCleared':
        this.#hasIntent = lesson === 'intentSet'
        // An upgrade is tried again: readers elsewhere may have gone before the intent was set.
        if (this.#hasIntent && this.conversion !== null) this.contended = false
        return
      case 'draining':
        this.isDraining = true
        return
      case 'serverQueueGoesFirst':
        // A caller that cannot use the queue waits until those processes have come.
        this.#otherProcesses ??= new OtherProcesses()
        return this.#otherProcesses.yieldToServerQueue(now)
    }
  }

  #react(reaction: Reaction, now: number): void {
    switch (reaction) {
      case 'notify':
        return this.notifyWaiters()
      case 'notifyUnlessSent':
        return this.#notifyUnlessSent()
      case 'wait':
        return this.ownRemoteWait.wait()
      case 'waitCrowded':
        return this.ownRemoteWait.waitCrowded()
      case 'yield':
        return this.#yield()
      case 'lookAgain':
        return this.ownRemoteWait.wakeUp('woken', true)
      case 'releaseConfirmed':
        return this.releaseConfirmed(now)
      case 'notHeld':
        return this.wasNotHeld()
      case 'holdersLost':
        return this.loseHolders(NOT_HELD)
      case 'refuse':
        return this.refused()
    }
  }

  #yield(): void {
    this.ownRemoteWait.yield()
    if (this.#isShortOfTime) this.ownRemoteWait.wakeUp('woken', true)
  }

  /** Whether the first caller has too little time to yield: otherwise the server might never be asked for it. */
  get #isShortOfTime(): boolean {
    const { first } = this.queue
    return first !== null && first.remainingMs(this.now()) <= HURRIED_BELOW_MS
  }

  /** This process has the key, or keeps it. */
  #granted(token: DrawnToken | null, lockDelayMs: number, { now, stamp, tripMs }: Answered): void {
    if (this.remoteWait !== null) this.#sleptUntil(now)
    this.learnFrom(this.kind, now)
    this.contended = this.#hasIntent = this.isDraining = false
    this.turn = new CohortTurn(token, now, tripMs)
    this.move(lockDelayMs > 0 ? 'delayed' : 'held')
    this.releaseConfirmed(now)
    if (lockDelayMs === 0) return this.passOn(stamp, now)
    this.#lockDelay = new LockDelay(this.host.clock, lockDelayMs, () => this.#lockDelayOver(token, stamp))
    this.host.lockDelayBegan(this, lockDelayMs)
    this.refused()
  }

  /** The only local holder has the key in the other mode, or has asked for that and gone. */
  #converted(token: DrawnToken | null, { now, tripMs }: Answered): void {
    this.mode = this.mode === 'shared' ? 'exclusive' : 'shared'
    this.contended = this.#hasIntent = this.isDraining = false
    this.remoteWait?.end()
    this.turn = new CohortTurn(token, now, tripMs)
    this.move('held')
    const { first } = this.queue
    if (this.mode === 'shared') this.notifyWaiters()
    if (first instanceof ConversionWaiter && first.mode === this.mode) {
      this.grant(first, now)
      void first.held.release()
    }
  }

  /** Called when this process gets the key: its wait for other processes is over. */
  #sleptUntil(now: number): void {
    if (this.remoteWait!.wasPrecedenceUnused) (this.#otherProcesses ??= new OtherProcesses()).didNotCome(now)
    this.remoteWait!.end()
  }

  /** The lock-delay is over, and with it the lease of any holder that was cut off. */
  #lockDelayOver(token: DrawnToken | null, stamp: number): void {
    this.host.agenda.run(() => {
      this.verify()
      if (this.state !== 'delayed') return
      this.move('held')
      this.session!.signals.delayEnded(this)
      const now = this.now()
      this.turn = new CohortTurn(token, now, 0)
      this.passOn(stamp, now)
      this.touch()
    })
  }

  #notifyUnlessSent(): void {
    const wakeUpState = this.#otherProcesses === null ? 'unsent' : this.#otherProcesses.wakeUpState
    if (wakeUpState === 'unsent') this.notifyWaiters()
    else if (wakeUpState === 'answered') this.#wakeUpSent()
  }

  #wakeUpSent(): void {
    this.#otherProcesses!.yieldAfterRelease(this.now())
    this.move('idle')
  }

  protected entered(to: KeyState, from: KeyState): void {
    if (from === 'delayed') this.#endLockDelay()
    if (to === 'idle' || to === 'notifying' || to === 'waiting') this.turn = null
    if (to === 'waiting') this.#hasIntent = false
    assert(this.turn !== null || !NEEDS_TURN.has(to), 'the server has it as ours')
  }

  #endLockDelay(): void {
    this.#lockDelay?.end()
    this.#lockDelay = null
  }
}

/** States in which the server's last answer gave the key to this process. */
const NEEDS_TURN: ReadonlySet<KeyState> = new Set([
  'delayed',
  'held',
  'joining',
  'converting',
  'releasing',
  'yielding',
])

function queueWaitEndOf(answer: Answer): QueueWaitEnd {
  if (answer === SAID.free) return 'free'
  if (answer === SAID.noRoom) return 'noRoom'
  return answer === SAID.granted ? 'come' : 'late'
}

/** A caller with less time than this does not wait for other processes. */
const HURRIED_BELOW_MS = 50

/** After this time a reader no longer yields to writers in other processes: a registered writer may never come. */
const LATE_MS = 10_000
