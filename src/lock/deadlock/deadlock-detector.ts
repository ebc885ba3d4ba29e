import type { Clock } from '../../base/clock.js'
import { Deadlines } from '../../base/deadlines.js'
import { LockDeadlockError } from '../../base/errors.js'
import type { Random } from '../../base/random.js'
import type { LockMode } from '../../dialect/lock-key.js'
import { RateLimit } from '../rate-limit.js'
import type { KeyEntry } from '../key/key-entry.js'
import type { AnyFrame } from '../handle/frame.js'
import { framesHolding } from '../handle/holding-context.js'
import { keyInWords, keyText } from '../../dialect/key-words.js'
import type { Lock } from '../handle/lock.js'
import type { LockWaiter, WaitedFor } from '../handle/lock-waiter.js'
import { FramedWait, isGreater, type Cycle, type CycleSearcher, type Step } from './framed-wait.js'
import { decodeProbe, encodeProbe, MAX_STEPS, type Probe } from './probe.js'
import { SeenProbes } from './seen-probes.js'
import {
  blockersOf,
  holdersAgainst,
  mayBeHeldElsewhere,
  reachable,
  wantedMode,
  pathTo,
  type Reached,
} from './wait-graph.js'

/**
 * A wait of this duration starts a search for a cycle through it, and repeats the search at this interval, with some
 * jitter.
 */
export const DETECT_AFTER_MS = 800
const JITTER = 0.25

/**
 * With more waits than this each searches less often, so that a process does not send more than about this many probes a
 * second.
 */
const WAITS_AT_FULL_RATE = 64

/** Probes received and sent. */
const PROBES_PER_SECOND = 1000

type Way = Reached<FramedWait, Lock>

export interface DetectorHost {
  /** Whether messages of other processes arrive. */
  readonly isListening: boolean
  find(keyId: string): KeyEntry | null
  readonly entries: Iterable<KeyEntry>
  listen(): void
  unlisten(): void
  deadlocked(): void
}

/**
 * Finds cycles of callers that wait for each other. Within the process a cycle is known when the wait begins that closes
 * it. For cycles between processes, a long wait sends a probe along the waits it depends on (edge chasing: Chandy, Misra
 * and Haas 1983). If the probe comes back there is a cycle, and if the very same one comes back again, the cycle existed
 * all the time in between.
 */
export class DeadlockDetector implements CycleSearcher {
  readonly #host: DetectorHost
  readonly #sender: string
  readonly #process: string
  readonly #deadlines: Deadlines
  readonly #periodMs: number
  readonly #rateLimit: RateLimit
  readonly #seen = new SeenProbes()
  readonly #waits = new Map<LockWaiter<WaitedFor>, FramedWait>()
  #isClosed = false

  constructor(
    parts: {
      readonly clock: Clock
      readonly random: Random
      readonly sender: string
      readonly process: string
    },
    host: DetectorHost,
  ) {
    this.#host = host
    this.#sender = parts.sender
    this.#process = parts.process
    this.#deadlines = new Deadlines(parts.clock)
    // Each process has a slightly different period, so that they do not search at the same moment.
    this.#periodMs = Math.round(DETECT_AFTER_MS * (1 + JITTER * parts.random.next()))
    this.#rateLimit = new RateLimit(parts.clock, PROBES_PER_SECOND)
  }

  /** A caller inside `innermost` waits. It is refused at once if that closes a cycle in this process. */
  began(waiter: LockWaiter<KeyEntry>, innermost: AnyFrame): void {
    const frames = framesHolding(innermost)
    if (frames.length === 0 || this.#isClosed) return
    const wait = new FramedWait(this.#idOf(waiter), waiter, frames, this)
    this.#waits.set(waiter, wait)
    waiter.isFramed = true
    const cycle = this.#cycleHere(wait)
    if (cycle === null) this.#deadlines.add(this.#delayMs(), wait)
    else this.#refuse(wait, cycle)
  }

  ended(waiter: LockWaiter): void {
    const wait = this.#waits.get(waiter)
    if (wait === undefined) return
    this.#waits.delete(waiter)
    this.#deadlines.remove(wait)
    wait.ended()
    if (wait.isListening) this.#host.unlisten()
  }

  due(wait: FramedWait): void {
    this.#deadlines.add(this.#delayMs(), wait)
    if (!wait.isListening && mayBeHeldElsewhere(wait.place)) {
      // A caller that waits behind local callers does not listen yet.
      wait.isListening = true
      this.#host.listen()
    }
    this.#search(wait, false)
  }

  closed(wait: FramedWait, round: number, cycle: Cycle): void {
    if (round !== wait.round || wait.inQueue.isGone) return
    const name = cycle.steps.map((step) => step.wait).join(' ')
    if (wait.foundBefore.has(name)) return void this.#verify(wait, cycle)
    wait.found = new Set([...wait.found, name])
    if (wait.found.size === 1 && !wait.isConfirming) this.#search(wait, true)
  }

  /**
   * Messages of other processes are not enough to refuse a caller. Each awaited lock must be held, and each held lock
   * must be awaited, here or, according to the server, in another process. Otherwise the message was wrong, or is too
   * late, and the search continues.
   */
  async #verify(wait: FramedWait, { steps, hold }: Cycle): Promise<void> {
    const { place } = wait
    const held = this.#entryOf(hold)
    if (wait.isVerifying || held === null) return
    wait.isVerifying = true
    const [isHeld, isWanted] = await Promise.all([
      place.isHeld || isTrue(place.sessionToSpeak?.signals.isHeldElsewhere(place.key)),
      // A writer in a process that reads the key itself waits there without a registration: this process cannot see it.
      hold.mode === 'shared' || held.queue.size > 0 || isTrue(held.session?.signals.isWanted(held.key)),
    ])
    wait.isVerifying = false
    if (isHeld && isWanted && hold.isHeld && !wait.inQueue.isGone) this.#refuse(wait, steps)
  }

  /** Receives a probe of another process, which may be gone by now. Only holders of the secret can have sealed it. */
  received(text: string): void {
    if (this.#isClosed || !this.#rateLimit.spend()) return
    const probe = decodeProbe(text)
    const entry = probe === null ? null : this.#host.find(probe.keyId)
    const passed = entry === null ? null : this.#seen.passed(probe!.from, probe!.round)
    if (passed !== null) this.#passOn(probe!, entry!, passed)
  }

  close(): void {
    this.#isClosed = true
    for (const waiter of [...this.#waits.keys()]) this.ended(waiter)
  }

  #entryOf(lock: Lock): KeyEntry | null {
    for (const entry of this.#host.entries) if (entry.holders[lock.place] === lock) return entry
    return null
  }

  #delayMs(): number {
    return this.#periodMs * Math.ceil((this.#waits.size + 1) / WAITS_AT_FULL_RATE)
  }

  #cycleHere(wait: FramedWait): Step[] | null {
    const passed = new Set<FramedWait>()
    let closing: Way | null = null
    const mayEnter = (way: Way): boolean => {
      if (way.wait === wait) closing ??= way
      return closing === null && !passed.has(way.wait) && passed.add(way.wait) !== null
    }
    for (const _ of reachable<FramedWait, Lock>(blockersOf(wait.place, wait), mayEnter));
    return closing === null ? null : close([this.#step(wait, null)], closing, this.#process)
  }

  #search(wait: FramedWait, isConfirming: boolean): void {
    if (!this.#host.isListening) return
    wait.nextRound(isConfirming)
    const first = this.#step(wait, null)
    const probe = { from: wait.id, round: wait.round, steps: [first] }
    this.#follow(probe, blockersOf(wait.place, wait), new Set([wait.id]))
    this.#send(probe, wait.place, wantedMode(wait))
  }

  #passOn(probe: Probe, entry: KeyEntry, passed: Set<string>): void {
    const writer = probe.mode === 'shared' && entry.head === 'exclusive' ? entry.queue.first : null
    if (writer === null) return this.#follow(probe, holdersAgainst(entry, probe.mode), passed)
    // A reader waits for the writer ahead of it here, and so for the readers here and elsewhere for which that writer
    // waits.
    const id = this.#idOf(writer)
    if (passed.has(id)) return
    passed.add(id)
    const step = { wait: id, process: this.#process, holds: null, waitsFor: keyText(entry.label) }
    const longer = { ...probe, steps: [...probe.steps, step] }
    this.#follow(longer, holdersAgainst(entry, 'exclusive'), passed)
    this.#send(longer, entry, 'exclusive')
  }

  /** Continues from locks held here to all waiters in their bodies whose own wait does not take precedence. */
  #follow(probe: Omit<Probe, 'keyId' | 'mode'>, holds: readonly Lock[], passed: Set<string>): void {
    const closings: Way[] = []
    const mayEnter = (way: Way): boolean => {
      const { id } = way.wait
      if (id === probe.from) closings.push(way)
      if (id === probe.from || isGreater(id, probe.from) || passed.has(id)) return false
      passed.add(id)
      return true
    }
    for (const way of reachable<FramedWait, Lock>(holds, mayEnter)) {
      const steps = [...probe.steps, ...this.#stepsOf(way)]
      this.#send({ ...probe, steps }, way.wait.place, wantedMode(way.wait))
    }
    // Done last, because it may end the wait, and so change the graph.
    for (const way of closings) {
      const steps = close(probe.steps, way, this.#process)
      way.wait.closed(probe.round, { steps, hold: way.hold })
    }
  }

  #send(probe: Omit<Probe, 'keyId' | 'mode'>, entry: KeyEntry, mode: LockMode): void {
    if (!mayBeHeldElsewhere(entry) || probe.steps.length > MAX_STEPS || !this.#rateLimit.spend()) return
    const text = encodeProbe({ ...probe, keyId: entry.key.id, mode })
    if (text !== null) entry.sessionToSpeak?.signals.broadcast(text)
  }

  #stepsOf(way: Way): Step[] {
    return pathTo(way).map(({ wait, hold }) => this.#step(wait, hold))
  }

  #step(wait: FramedWait, hold: Lock | null): Step {
    return {
      wait: wait.id,
      process: this.#process,
      holds: hold === null ? null : keyText(hold.key),
      waitsFor: keyText(wait.place.label),
    }
  }

  #refuse(wait: FramedWait, steps: readonly Step[]): void {
    const cycle = steps.map(({ process, holds, waitsFor }) => ({ process, holds, waitsFor }))
    const key = keyInWords(wait.place.label)
    if (wait.inQueue.refuse(new LockDeadlockError({ key, cycle }))) this.#host.deadlocked()
  }

  #idOf(waiter: LockWaiter): string {
    return `${this.#sender}.${waiter.arrival}`
  }
}

async function isTrue(answer: Promise<boolean> | undefined): Promise<boolean> {
  return (await answer) === true
}

/** The steps of a path that has come back to its start. Only there it is known what the first caller holds. */
function close(steps: readonly Step[], closing: Way, process: string): Step[] {
  const [first, ...rest] = steps
  const here = pathTo(closing).slice(0, -1)
  const between = here.map(({ wait, hold }) => ({
    wait: wait.id,
    process,
    holds: keyText(hold.key),
    waitsFor: keyText(wait.place.label),
  }))
  return [{ ...first!, holds: keyText(closing.hold.key) }, ...rest, ...between]
}
