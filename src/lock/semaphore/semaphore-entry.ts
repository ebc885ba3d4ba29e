import type { Cancel } from '../../base/clock.js'
import type { LockError } from '../../base/errors.js'
import type { Holding } from '../../dialect/dialect.js'
import type { KeyCode, LockKey } from '../../dialect/lock-key.js'
import type { PermitKind, PermitOperation, PermitReply } from '../../dialect/permit-operation.js'
import { Precedence } from '../contention/precedence.js'
import { REGISTRATION_ENTRIES } from '../contention/lock-table-waiters.js'
import type { QueueWaitEnd } from '../contention/queue-policy.js'
import { YIELD_MS } from '../contention/remote-wait.js'
import type { OutgoingBatch } from '../session/outgoing-batch.js'
import type { LockWaiter, WaitedFor } from '../handle/lock-waiter.js'
import type { Answered, PermitRequest } from '../session/outgoing-batch.js'
import { LocalPermits } from './local-permits.js'
import { consequenceOfReply, type PermitReaction } from './permit-answers.js'
import { nextSemaphoreStep, type SemaphoreFacts, type SemaphoreStep } from './semaphore-state.js'

/** What a step asks of the server. */
type Asking = 'take' | 'enqueue' | 'wait' | 'retry' | 'poll'

/**
 * One semaphore, from this process towards the server. All its permits are on one session. `nextSemaphoreStep` chooses
 * the step for a state, and `consequenceOfReply` says what follows from the reply; the entry executes both.
 */
export class SemaphoreEntry extends LocalPermits implements SemaphoreFacts, PermitRequest {
  #cancelYield: Cancel | null = null
  /** Survives a rest, for a caller that comes again. */
  readonly #precedence = new Precedence()
  #wasPrecedenceUnused = false
  /** When permits were last released for other processes, on the clock. */
  #sentBackAt = 0
  /** The permits that are being asked for, and the reason. */
  #asked = 0
  #asking: Asking = 'take'
  #counted = 0
  #isAtRest = false

  get key(): KeyCode {
    return this.semaphore.key
  }

  get isYielding(): boolean {
    if (this.#cancelYield === null || this.isClosing) return false
    // A caller that cannot wait asks now.
    return this.queue.first === null || this.queue.first.waitPolicy === 'wait'
  }

  /** Whether it is unused: no permit, no waiter, no session. */
  get isAtRest(): boolean {
    return this.#isAtRest
  }

  /** Makes it ready for a caller that comes again. */
  reopen(label: LockKey): void {
    this.#isAtRest = false
    this.label = label
    this.remoteWait = null
    this.contended = false
  }

  /**
   * Whether the first caller may use the server's queue. Only without permits here: a local holder may release one at any
   * moment.
   */
  get mayEnqueue(): boolean {
    if (this.state === 'waiting' ? !this.prefersServerQueue : !this.contended) return false
    return this.permitsHere === 0 && this.semaphore.permits <= MAX_QUEUED_PERMITS && this.canEnqueue
  }

  /** With several permits, some may be free while processes queue for others. */
  protected get aloneAfter(): number {
    return 3 * this.semaphore.permits
  }

  /** Whether an answer on the wire may grant this waiter a permit. */
  isAskingFor(waiter: LockWaiter<WaitedFor>): boolean {
    // A wait in the queue ends in time for the first waiter, and for no other.
    if (this.state === 'queued') return waiter === this.queue.first
    let place = 0
    for (const each of this.queue) {
      if (place++ >= this.#asked) return false
      if (each === waiter) return true
    }
    return false
  }

  /** A semaphore has no single holder to ask for. */
  askForHolder(): null {
    return null
  }

  holding(): readonly Holding[] {
    const { key, shape } = this.semaphore
    const held: Holding[] = [...this.slots.keys()].map((number) => ({
      key: this.semaphore.slot(number),
      what: 'exclusive',
    }))
    if (this.state === 'waiting') held.push({ key, what: 'registration' })
    if (held.length > 0) held.push({ key: shape, what: 'shared' })
    return held
  }

  /** Takes steps until nothing more can be done now. */
  advance(): void {
    while (this.#take(nextSemaphoreStep(this)));
    this.#count()
  }

  replied(reply: PermitReply, { now, tripMs }: Answered): void {
    const { state } = this
    const { to, react } = consequenceOfReply(state, reply.said, this.#precedence.isSuspended(now))
    const isTaking = state === 'taking' || state === 'queued' || state === 'polling'
    if (state === 'queued') this.#leftQueue(queueWaitEndOf(reply), now)
    if (isTaking) this.#tookSome(reply, now, tripMs)
    this.move(to)
    for (const reaction of react) this.#react(reaction, reply, now)
    if (isTaking) this.#afterTaking()
    this.touch()
  }

  /** The server now has for this semaphore what `holding` says, if that is known. */
  failed(error: LockError, mayAsk: boolean, isKnown = true): void {
    const isRelease = this.state === 'releasing' || this.state === 'yielding'
    const asked = this.#asked
    this.#asked = 0
    this.move('idle')
    if (isRelease) {
      if (isKnown) {
        this.releaseConfirmed([])
        this.notifyWaiters()
      }
    } else if (!mayAsk) this.refuse(error, asked)
    this.touch()
  }

  lost(reason: string, cause?: Error): void {
    this.remoteWait?.end()
    this.#endYield()
    this.#asked = 0
    if (this.state !== 'idle') this.move('idle')
    this.loseSession()
    this.losePermits(reason, cause)
    this.touch()
  }

  /** The process `sender` sent a wake-up, and has therefore had its turn. */
  woken(sender: string): void {
    this.ownRemoteWait.woken(sender, this.state === 'waiting' && !this.isYielding)
  }

  notified(isWanted: boolean): void {
    // The processes to which this one yielded have gone.
    if (!isWanted) this.#yieldOver()
  }

  /** From now on wake-ups arrive; earlier ones were missed. */
  listening(): void {
    // This is a look, not a race: losing it says nothing about other processes.
    this.ownRemoteWait.wakeUp('poll', this.state === 'waiting')
  }

  /** Executes one step, or asks for it. True if there may be another. */
  #take(step: SemaphoreStep): boolean {
    switch (step) {
      case 'rest':
        return false
      case 'evict':
        this.#rest()
        return false
      case 'handOff':
        this.verify()
        this.handOff()
        return true
      case 'enqueue':
        this.askInServerQueue()
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

  #rest(): void {
    if (this.#isAtRest) return
    this.#isAtRest = true
    this.#endYield()
    // Until the next caller comes, others may come and go unseen.
    this.#wasPrecedenceUnused = false
    this.remoteWait?.end()
    this.host.evict(this)
    this.leaveSession()
  }

  protected addOperation(outgoing: OutgoingBatch): void {
    const step = nextSemaphoreStep(this)
    switch (step) {
      case 'enqueue':
        // Other keys have been assigned to this session meanwhile.
        if (!this.isAlone) return this.touch()
        return this.#sendTake(outgoing, step)
      case 'take':
      case 'wait':
      case 'retry':
      case 'poll':
        return this.#sendTake(outgoing, step)
      case 'release':
      case 'yield':
        return this.#sendRelease(outgoing, step)
      case 'leave':
        this.remoteWait!.end()
        this.move('leaving')
        return this.#operation(outgoing, 'leave', { exits: this.permitsHere === 0 })
      case 'rest':
      case 'evict':
      case 'handOff':
        // Time has passed since the entry decided to ask.
        return this.touch()
    }
  }

  #anySlot(): number {
    return Math.floor(this.host.random.next() * this.semaphore.permits)
  }

  #sendTake(outgoing: OutgoingBatch, step: Asking): void {
    if (step === 'wait') this.registerInstead()
    const atMost = this.#admitted(step)
    if (atMost === 0) return
    this.remoteWait?.attempt()
    const details = {
      atMost,
      // Each permit has a queue. While there are few permits, each queue is as good as another.
      from: this.#anySlot(),
      slots: [...this.slots.keys()],
      enters: this.permitsHere === 0 && this.state === 'idle',
      looks: this.host.isLookDue(this),
      waitMs: step === 'enqueue' ? Math.min(this.queueWaitMs, QUEUE_WAIT_MS) : 0,
    }
    this.move(step === 'take' ? 'taking' : step === 'enqueue' ? 'queued' : 'polling')
    this.#asked = atMost
    this.#asking = step
    this.#count()
    this.#operation(outgoing, step === 'poll' ? 'retry' : step, details)
  }

  #sendRelease(outgoing: OutgoingBatch, step: 'release' | 'yield'): void {
    const slots = this.beginRelease()
    this.#sentBackAt = this.now()
    this.move(step === 'release' ? 'releasing' : 'yielding')
    this.#operation(outgoing, 'release', { slots, exits: this.permitsHere === 0 && step === 'release' })
  }

  /**
   * For how many of the wanted permits the lock table has room. If for none, the callers get their answer later, or an
   * error now.
   */
  #admitted(step: Asking): number {
    const registrationEntries = step === 'wait' ? REGISTRATION_ENTRIES : 0
    const admission = this.host.admit(this, this.wanted + registrationEntries)
    if (admission === 'now') return this.wanted
    if (admission === 'later') return 0
    const single = this.wanted > 1 ? this.host.admit(this, 1 + registrationEntries) : admission
    if (single === 'now') return 1
    if (single !== 'later') this.#noRoom(step, single)
    return 0
  }

  /** Without room for a registration this process tries now and then, as if no wake-up came. */
  #noRoom(step: Asking, full: LockError): void {
    this.contended = this.contended && step !== 'wait'
    if (step === 'take' || step === 'enqueue') this.refuse(full, 1)
    else {
      this.remoteWait?.attempt()
      this.ownRemoteWait.wait()
    }
  }

  #operation(outgoing: OutgoingBatch, kind: PermitKind, details: Partial<PermitOperation>): void {
    const nothing = { atMost: 0, from: 0, slots: [], enters: false, exits: false, waitMs: 0, looks: false }
    outgoing.askPermits(this, { kind, semaphore: this.semaphore, ...nothing, ...details })
  }

  #leftQueue(end: QueueWaitEnd, now: number): void {
    this.ownQueuePolicy.ended(end, now)
    if (end === 'come') this.#wasPrecedenceUnused = false
  }

  #tookSome({ taken, otherPermits }: PermitReply, now: number, tripMs: number): void {
    const isEnough = taken.length === this.#asked
    if (taken.length > 0) this.learnFrom(this.#asking === 'take' ? 'try' : this.#asking, now)
    if (taken.length === 0 && this.#asking === 'retry') {
      this.ownQueuePolicy.seen(now)
      this.loseRace()
    }
    this.#asked = 0
    this.take(taken, now, tripMs)
    const mismatch = this.host.looked(this, otherPermits)
    if (mismatch !== null) this.refuse(mismatch, Infinity)
    while (this.mayHandOff && this.isWaitedFor) this.handOff()
    this.#judgePrecedence(isEnough, now)
    this.contended = !isEnough
  }

  #afterTaking(): void {
    if (this.contended) this.refused()
    else this.remoteWait?.end()
  }

  #react(reaction: PermitReaction, { missing }: PermitReply, now: number): void {
    switch (reaction) {
      case 'wait':
      case 'waitCrowded':
        return reaction === 'wait' ? this.ownRemoteWait.wait() : this.ownRemoteWait.waitCrowded()
      case 'releaseConfirmed':
        return this.releaseConfirmed(missing)
      case 'othersListen':
        return this.queuePolicy?.othersListen(this.wall)
      case 'confirmPrecedence':
        return this.#precedence.came()
      case 'notify':
        return this.notifyWaiters()
      case 'yield':
        return this.#yield(now)
      case 'serverQueueGoesFirst':
        // Local callers that want permits wait behind those processes, or yield to them.
        this.contended = true
        return this.ownQueuePolicy.seen(now)
      case 'lookAgain':
        return this.ownRemoteWait.wakeUp('poll', true)
    }
  }

  /** The processes for which permits were released have taken them, or never came. */
  #judgePrecedence(isEnough: boolean, now: number): void {
    if (!isEnough) this.#precedence.came()
    else if (this.#wasPrecedenceUnused) this.#precedence.missed(now)
    this.#wasPrecedenceUnused = false
  }

  /** The wake-up travels to the others, and their attempt to the server: together that takes as long as the release took. */
  #yield(now: number): void {
    const delayMs = YIELD_MS + now - this.#sentBackAt
    this.#cancelYield ??= this.host.clock.after(delayMs, () => {
      this.#wasPrecedenceUnused = true
      this.#yieldOver()
    })
  }

  /**
   * The others have had the time to come. No process sends a wake-up for the permits that are left, so this one tries
   * them.
   */
  #yieldOver(): void {
    this.#endYield()
    this.contended = true
    this.ownRemoteWait.wakeUp('poll', true)
  }

  #endYield(): void {
    this.#cancelYield?.()
    this.#cancelYield = null
  }

  /** Counts its lock-table entries, besides the shape. */
  #count(): void {
    const entries = this.permitsHere + this.#asked
    if (entries !== this.#counted) this.host.entriesChanged(entries - this.#counted)
    this.#counted = entries
  }

  protected entered(): void {}
}

function queueWaitEndOf({ taken, said }: PermitReply): QueueWaitEnd {
  if (taken.length === 0) return 'late'
  return said === 'free' ? 'free' : 'come'
}

/** A process in the queue of one permit does not see that another is free. */
const QUEUE_WAIT_MS = 250

/**
 * A waiter queues for one permit, and the others may become free meanwhile: with more permits than this it is better to
 * listen.
 */
const MAX_QUEUED_PERMITS = 8
