import type { Clock } from '../../base/clock.js'
import type { LockError, LockLostError } from '../../base/errors.js'
import type { Fifo } from '../../base/fifo.js'
import type { Random } from '../../base/random.js'
import type { Lock } from '../handle/lock.js'
import type { LockWaiter, WaitedFor } from '../handle/lock-waiter.js'
import type { Session } from '../session/session.js'
import type { SessionRequester } from '../session/session-requester.js'
import type { Agenda } from '../agenda/agenda.js'
import type { Arbiter } from './arbiter.js'
import type { ContendedHost } from './contended-host.js'
import type { LockTableRequester } from './lock-table-waiters.js'
import type { ServerQueue } from '../session/server-queue.js'

/** A contended entry, as its registry sees it. */
interface Registered extends LockTableRequester, SessionRequester {
  readonly queue: Fifo<LockWaiter<WaitedFor>>
  touch(): void
  woken(sender: string): void
  ticketReceived(sender: string): void
  listening(): void
}

/**
 * All entries of one kind: the keys, or the semaphores. The registry finds the entry that a caller or another process
 * means. The arbiter does what is the same for all kinds.
 */
export abstract class Registry<Entry extends Registered> implements ContendedHost {
  readonly agenda: Agenda
  readonly clock: Clock
  readonly random: Random
  readonly sender: string
  protected readonly arbiter: Arbiter
  #onEmpty: (() => void) | null = null

  constructor(arbiter: Arbiter) {
    this.arbiter = arbiter
    this.agenda = arbiter.agenda
    this.clock = arbiter.clock
    this.random = arbiter.random
    this.sender = arbiter.sender
  }

  /** The entries in use. They may change during a walk. */
  abstract readonly entries: Iterable<Entry>
  /** The number of entries in use. */
  abstract readonly size: number
  abstract find(keyId: string): Entry | null

  get serverQueue(): ServerQueue {
    return this.arbiter.line
  }

  get noFencing(): string | null {
    return this.arbiter.noFencing
  }

  get lastFailure(): LockError | null {
    return this.arbiter.lastFailure
  }

  get isClosing(): boolean {
    return this.arbiter.isClosing
  }

  /** The arbiter refuses new callers; this refuses waiters. Resolves when nothing is held or under way any more. */
  close(closed: LockError): Promise<void> {
    this.agenda.run(() => {
      for (const entry of this.entries) {
        for (const waiter of entry.queue) waiter.refuse(closed)
        entry.touch()
      }
    })
    return new Promise((resolve) => {
      if (this.size === 0) resolve()
      else this.#onEmpty = resolve
    })
  }

  /** The process `sender` sent a wake-up for a key. */
  woken(keyId: string, sender: string): void {
    this.find(keyId)?.woken(sender)
  }

  /** The process `sender` has a ticket for the key. */
  ticketReceived(keyId: string, sender: string): void {
    this.find(keyId)?.ticketReceived(sender)
  }

  /** From now on wake-ups arrive. */
  listening(): void {
    this.agenda.run(() => {
      for (const entry of this.entries) entry.listening()
    })
  }

  admit(entry: LockTableRequester, entries: number): 'now' | 'later' | LockError {
    return this.arbiter.admit(entry, entries)
  }

  assign(entry: SessionRequester): Session | null {
    return this.arbiter.assign(entry)
  }

  registrationChanged(isSet: boolean): void {
    this.arbiter.registrationChanged(isSet)
  }

  waitBegan({ queue }: { readonly queue: Fifo<LockWaiter<WaitedFor>> }): void {
    this.arbiter.listen()
    this.announceWaiting(queue)
  }

  waitEnded(): void {
    this.arbiter.unlisten()
  }

  acquired(lock: Lock, waiter: LockWaiter<WaitedFor>, isHandOff: boolean, now: number): void {
    this.arbiter.acquired(lock, waiter, isHandOff, now)
  }

  released(lock: Lock, now?: number): void {
    this.arbiter.released(lock, now)
  }

  lost(error: LockLostError, lock: Lock): void {
    this.arbiter.lost(error, lock)
  }

  gone(waiter: LockWaiter<WaitedFor>, isGranted: boolean): void {
    this.arbiter.gone(waiter, isGranted)
  }

  /** Wakes the callers of an entry that now waits for other processes. */
  protected abstract announceWaiting(queue: Fifo<LockWaiter<WaitedFor>>): void

  /** The entry is unused, and no longer in `entries`. */
  protected leftBy(entry: Entry): void {
    this.arbiter.leftBy(entry)
    if (this.size === 0) this.#onEmpty?.()
  }
}
