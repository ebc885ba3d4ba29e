import type { Cancel, Clock } from '../../base/clock.js'
import { Deferred } from '../../base/deferred.js'
import { onAbort } from '../../base/on-abort.js'
import type { TargetSession } from './host-list.js'
import type { Host } from './host.js'

/** The role of a server, as far as it matters for locks. */
export type Role = 'primary' | 'standby' | 'read-only'

/** One address of one host. The address is null if the driver resolves the host by itself. */
export interface Place {
  readonly host: Host
  readonly address: string | null
}

/** A connection, and the role of its server. */
export interface Found<C> {
  readonly connection: C
  readonly role: Role
}

/** The result of the attempt at one place. */
export interface Outcome {
  readonly place: Place
  /** Null while the attempt is running, and after a success. */
  readonly error: unknown
  readonly role: Role | null
  /** Whether the server has sent any data. */
  readonly isHeard: boolean
}

export interface RacePorts<C> {
  readonly clock: Clock
  /** Resolves a name to its current addresses. Rejects if it has none. */
  resolve(host: Host): Promise<readonly string[]>
  /** False if the host is an address or a path, or if the program makes its own sockets. */
  needsAddress(host: Host): boolean
  /** Opens a connection. `heard` is called for every piece of data from the server. */
  open(place: Place, signal: AbortSignal, heard: () => void): Promise<Found<C>>
  /** Closes a connection that is not needed. */
  discard(connection: C): void
  /** Whether a host that failed with this error starts or stops, so that it may soon accept connections. */
  isPassing(error: unknown): boolean
}

/** If the current host has been silent for this long, the next host is tried at the same time. */
export const NEXT_AFTER_MS = 250

/**
 * If all hosts have been silent for this long, the silent ones are tried a second time, at their addresses of that
 * moment.
 */
export const AGAIN_AFTER_MS = 1000

/**
 * While another host is silent, standbys are asked again after this time: one of them may be about to become the
 * primary.
 */
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
 * Searches a list of hosts, and all addresses of their names, for a suitable server. It tries them one after the other:
 * the next one starts as soon as one has failed, or while one has been silent for `NEXT_AFTER_MS`. The first suitable
 * server wins, and all other attempts end. There is no pause within a race; the pool pauses between two races. While
 * one host is silent, the race asks standbys again and again, because one of them may be promoted in its place.
 */
export class HostRace<C> {
  readonly #ports: RacePorts<C>
  readonly #target: TargetSession
  readonly #steps: Step[]
  readonly #attempts: Attempt[] = []
  readonly #winner = new Deferred<Found<C> & { readonly host: Host }>()
  readonly #unsubscribe: Cancel
  #resolving = 0
  #stopWaiting: Cancel | null = null
  /** A standby that is used if no host is a primary. */
  #fallback: (Found<C> & { readonly host: Host }) | null = null
  #isSecondRound = false
  #isOver = false

  /** An abort of the signal ends the race. `winner` then rejects with the signal's reason. */
  constructor(hosts: readonly Host[], target: TargetSession, ports: RacePorts<C>, signal: AbortSignal) {
    this.#ports = ports
    this.#target = target
    this.#steps = hosts.map((host) => ({ host }))
    this.#unsubscribe = onAbort(signal, () => this.#lose(signal.reason))
    if (signal.aborted) this.#lose(signal.reason)
    else this.#next()
  }

  /**
   * Resolves with a connection to a suitable server.
   *
   * Rejects with `null` if no server is suitable: then `outcomes` has the answer of each.
   */
  get winner(): Promise<Found<C> & { readonly host: Host }> {
    return this.#winner.promise
  }

  /** The results so far: the latest attempt at each place. */
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

  /** All hosts have been tried once. */
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
    this.#stopWaiting = this.#ports.clock.after(this.#limitMs, () => {
      this.#stopWaiting = null
      if (this.#steps.length > 0) this.#next()
      else this.#allSilent()
    })
  }

  /**
   * Tries again the hosts that have been silent, or that may become the primary. A host that has sent data is busy and
   * is not tried again.
   */
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

  get #limitMs(): number {
    if (this.#steps.length > 0) return NEXT_AFTER_MS
    return this.#changing().size > 0 ? STANDBY_AGAIN_MS : AGAIN_AFTER_MS
  }

  /** The hosts that get a second attempt because of their silence. This happens once per race. */
  #silentForLong(): readonly Host[] {
    const since = this.#ports.clock.now() - AGAIN_AFTER_MS
    const silent = this.#attempts.filter(({ isOver, isHeard }) => !isOver && !isHeard)
    if (this.#isSecondRound || silent.length === 0) return []
    if (silent.some(({ startedAt }) => startedAt > since)) return []
    this.#isSecondRound = true
    return silent.map(({ place }) => place.host)
  }

  /** The hosts that have answered and may soon be the primary. */
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
      // This server is working on the login, so the next host can wait.
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

  /** Stops everything: the timer, the listener for the signal, all attempts. */
  #end(): void {
    this.#isOver = true
    this.#stopWaiting?.()
    this.#stopWaiting = null
    this.#unsubscribe()
    if (this.#fallback !== null) this.#ports.discard(this.#fallback.connection)
    this.#fallback = null
    for (const { abort, isOver } of this.#attempts) if (!isOver) abort.abort()
  }
}

function placeKey({ host, address }: Place): string {
  return `${host.host} ${host.port} ${address}`
}
