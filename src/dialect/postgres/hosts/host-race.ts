import type { Cancel, Clock } from '../../../base/clock.js'
import { Deferred } from '../../../base/deferred.js'
import { onAbort } from '../../../base/on-abort.js'
import type { TargetSession } from './host-list.js'
import type { Host } from '../connection/host.js'

/** What a server says of itself, as far as it matters here. */
export type Role = 'primary' | 'standby' | 'read-only'

/** One way to a server: a host, and of its name one address. Null where the driver finds the way by itself. */
export interface Place {
  readonly host: Host
  readonly address: string | null
}

/** A connection, and what its server says it is. */
export interface Found<C> {
  readonly connection: C
  readonly role: Role
}

/** What became of one way. */
export interface Outcome {
  readonly place: Place
  /** Null while it is under way. */
  readonly error: unknown
  readonly role: Role | null
  /** Whether it has said anything at all. */
  readonly isHeard: boolean
}

export interface RacePorts<C> {
  readonly clock: Clock
  /** The addresses of a name, as of now. Rejects if it has none. */
  resolve(host: Host): Promise<readonly string[]>
  /** Not if the host is an address or a path, or the program has a way of its own. */
  needsAddress(host: Host): boolean
  /** `heard` is called for everything that the server says. */
  open(place: Place, signal: AbortSignal, heard: () => void): Promise<Found<C>>
  /** One that is not wanted. */
  discard(connection: C): void
  /** Whether a host that failed with this may let us in in a moment: it starts, or stops. */
  isPassing(error: unknown): boolean
}

/** So long one may say nothing before the next is asked beside it. */
export const NEXT_AFTER_MS = 250

/** So long all may say nothing before those that are silent are asked a second time, at the addresses they have by then. */
export const AGAIN_AFTER_MS = 1000

/** So soon a standby is asked again while another host is silent: it may be about to be promoted in the place of that one. */
export const STANDBY_AGAIN_MS = 300

interface Attempt {
  readonly place: Place
  readonly startedAt: number
  readonly abort: AbortController
  error: unknown
  role: Role | null
  isHeard: boolean
  isOver: boolean
}

type Step = { readonly host: Host } | { readonly place: Place }

/**
 * Looks for a server that will do among hosts, and all the addresses of their names. One is asked after the other: as soon as
 * one has failed, or beside one that has been silent for `NEXT_AFTER_MS`. The first that will do wins, and all others are given
 * up. There is no pause between them; between two races there is, which is the pool's. While one is silent, standbys are asked
 * again and again: one of them may be promoted in its place.
 */
export class HostRace<C> {
  readonly #ports: RacePorts<C>
  readonly #target: TargetSession
  readonly #steps: Step[]
  readonly #attempts: Attempt[] = []
  readonly #winner = new Deferred<Found<C> & { readonly host: Host }>()
  readonly #forgetSignal: Cancel
  #resolving = 0
  #stopWaiting: Cancel | null = null
  /** A standby that will do if there is no primary. */
  #fallback: (Found<C> & { readonly host: Host }) | null = null
  #isSecondRound = false
  #isOver = false

  /** The signal ends it: what it rejects with then is the signal's reason. */
  constructor(hosts: readonly Host[], target: TargetSession, ports: RacePorts<C>, signal: AbortSignal) {
    this.#ports = ports
    this.#target = target
    this.#steps = hosts.map((host) => ({ host }))
    this.#forgetSignal = onAbort(signal, () => this.#lose(signal.reason))
    if (signal.aborted) this.#lose(signal.reason)
    else this.#next()
  }

  /**
   * A connection to a server that will do.
   *
   * Rejects with `null` if there is none: `outcomes` then says what each has said.
   */
  get winner(): Promise<Found<C> & { readonly host: Host }> {
    return this.#winner.promise
  }

  /** By now: the last of each way. */
  get outcomes(): readonly Outcome[] {
    const last = new Map(this.#attempts.map((attempt) => [placeKey(attempt.place), attempt]))
    return [...last.values()].map(({ place, error, role, isHeard }) => ({ place, error, role, isHeard }))
  }

  #next(): void {
    if (this.#isOver) return
    const step = this.#steps.shift()
    if (step === undefined) return this.#nothingLeft()
    if ('place' in step) this.#start(step.place)
    else if (this.#ports.needsAddress(step.host)) this.#resolve(step.host)
    else this.#start({ host: step.host, address: null })
    this.#waitInSilence()
  }

  /** All have been asked. */
  #nothingLeft(): void {
    const isPending = this.#resolving > 0 || this.#attempts.some(({ isOver }) => !isOver)
    if (isPending) return this.#waitInSilence()
    const fallback = this.#fallback
    this.#fallback = null
    if (fallback === null) this.#lose(null)
    else this.#win(fallback)
  }

  #waitInSilence(): void {
    this.#stopWaiting?.()
    this.#stopWaiting = this.#ports.clock.after(this.#patienceMs, () => {
      this.#stopWaiting = null
      if (this.#steps.length > 0) this.#next()
      else this.#allSilent()
    })
  }

  /** Whoever has said something is not asked twice: it is at work. */
  #allSilent(): void {
    if (this.#isOver) return
    const fallback = this.#fallback
    if (fallback !== null) {
      this.#fallback = null
      return this.#win(fallback)
    }
    const hosts = new Set([...this.#silentForLong(), ...this.#changing()])
    this.#steps.push(...[...hosts].map((host) => ({ host })))
    if (hosts.size > 0) this.#next()
  }

  get #patienceMs(): number {
    if (this.#steps.length > 0) return NEXT_AFTER_MS
    return this.#changing().size > 0 ? STANDBY_AGAIN_MS : AGAIN_AFTER_MS
  }

  /** Those to be asked a second time: once, and each of them is left alone afterwards. */
  #silentForLong(): readonly Host[] {
    const since = this.#ports.clock.now() - AGAIN_AFTER_MS
    const silent = this.#attempts.filter(({ isOver, isHeard }) => !isOver && !isHeard)
    if (this.#isSecondRound || silent.length === 0) return []
    if (silent.some(({ startedAt }) => startedAt > since)) return []
    this.#isSecondRound = true
    return silent.map(({ place }) => place.host)
  }

  /** Those that answer, and may be the primary in a moment. */
  #changing(): ReadonlySet<Host> {
    if (this.#target === 'any') return new Set()
    const over = this.#attempts.filter(
      ({ isOver, role, error }) => isOver && (role !== null || this.#ports.isPassing(error)),
    )
    return new Set(over.map(({ place }) => place.host))
  }

  #resolve(host: Host): void {
    this.#resolving++
    this.#ports.resolve(host).then(
      (addresses) => {
        this.#resolving--
        this.#steps.unshift(...addresses.map((address) => ({ place: { host, address } })))
        this.#next()
      },
      (error: unknown) => {
        this.#resolving--
        this.#attempts.push({ ...this.#attemptAt({ host, address: null }), error, isOver: true })
        this.#next()
      },
    )
  }

  #attemptAt(place: Place): Attempt {
    return {
      place,
      startedAt: this.#ports.clock.now(),
      abort: new AbortController(),
      error: null,
      role: null,
      isHeard: false,
      isOver: false,
    }
  }

  #start(place: Place): void {
    const attempt = this.#attemptAt(place)
    this.#attempts.push(attempt)
    const heard = (): void => {
      attempt.isHeard = true
      // It is at work: the next one can wait.
      if (attempt === this.#attempts.at(-1) && this.#stopWaiting !== null) this.#waitInSilence()
    }
    this.#ports.open(place, attempt.abort.signal, heard).then(
      (found) => {
        attempt.isOver = true
        this.#opened(attempt, found)
      },
      (error: unknown) => {
        attempt.isOver = true
        attempt.error = error
        this.#next()
      },
    )
  }

  #opened(attempt: Attempt, { connection, role }: Found<C>): void {
    const found = { connection, role, host: attempt.place.host }
    attempt.role = role
    if (this.#isOver) return this.#ports.discard(found.connection)
    if (found.role === 'primary' || (found.role === 'read-only' && this.#target !== 'read-write'))
      return this.#win(found)
    if (this.#target === 'any' && this.#fallback === null) this.#fallback = found
    else this.#ports.discard(found.connection)
    this.#next()
  }

  #win(found: Found<C> & { readonly host: Host }): void {
    this.#end()
    this.#winner.resolve(found)
  }

  #lose(reason: unknown): void {
    if (this.#isOver) return
    this.#end()
    this.#winner.reject(reason)
  }

  /** Nothing of it goes on: no timer, no listener, no attempt. */
  #end(): void {
    this.#isOver = true
    this.#stopWaiting?.()
    this.#stopWaiting = null
    this.#forgetSignal()
    if (this.#fallback !== null) this.#ports.discard(this.#fallback.connection)
    this.#fallback = null
    for (const { abort, isOver } of this.#attempts) if (!isOver) abort.abort()
  }
}

function placeKey({ host, address }: Place): string {
  return `${host.host} ${host.port} ${address}`
}
