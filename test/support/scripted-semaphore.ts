import { Deadlines } from '../../src/base/deadlines.js'
import type { LockError } from '../../src/base/errors.js'
import type { KeyCode } from '../../src/dialect/lock-key.js'
import type { PermitOperation, PermitReply, TakenPermit } from '../../src/dialect/permit-operation.js'
import { Agenda } from '../../src/lock/agenda/agenda.js'
import { LockWaiter } from '../../src/lock/handle/lock-waiter.js'
import type { SemaphoreHost } from '../../src/lock/semaphore/local-permits.js'
import type { Permit } from '../../src/lock/semaphore/permit.js'
import { SemaphoreEntry } from '../../src/lock/semaphore/semaphore-entry.js'
import { OutgoingBatch, type Request } from '../../src/lock/session/outgoing-batch.js'
import type { Session } from '../../src/lock/session/session.js'
import { ManualClock } from '../../src/testing/manual-clock.js'

const code = (id: string): KeyCode => ({ id })

/** One semaphore. The test acts as its session: it sees each operation, and writes each reply. */
export class ScriptedSemaphore {
  readonly clock: ManualClock = new ManualClock()
  readonly entry: SemaphoreEntry
  /** The pool's answer if the entry asks for room for this number of lock-table entries. */
  admit: (entries: number) => 'now' | 'later' | LockError = () => 'now'
  /** The number between 0 and 1 that every random draw returns. */
  chance = 0
  notifications = 0
  tickets = 0
  tableEntries = 0
  wantsAlone = 0
  isForgotten = false
  readonly agenda: Agenda = new Agenda()
  readonly #requests: Request[] = []
  readonly #session: Session & { clientCount: number }
  readonly #deadlines: Deadlines

  /** Whether the entry may have a separate session for the server queue. */
  mayEnqueue = true
  /** The number of lock-table entries that the entry asked for, each time. */
  readonly admissions: number[] = []

  constructor(permits: number) {
    this.#deadlines = new Deadlines(this.clock)
    this.#session = this.#makeSession()
    const semaphore = { key: code('s'), shape: code('shape'), permits, slot: (n: number) => code(`s:${n}`) }
    this.entry = new SemaphoreEntry(semaphore, 's', this.#makeHost())
  }

  /** Whether the session has no other keys, so that it may wait in the server queue. Default true. */
  set isAlone(is: boolean) {
    this.#session.clientCount = is ? 1 : 2
  }

  acquire(timeoutMs: number = Infinity, waitPolicy: 'wait' | 'ask' = 'wait'): Promise<Permit> {
    const request = {
      mode: 'exclusive',
      waitPolicy,
      timeoutMs,
      signal: undefined,
      frame: null,
      purpose: null,
      waitsWhileDown: false,
      isStandby: false,
    } as const
    const waiter = new LockWaiter(this.entry, request, 1, this.#deadlines)
    this.entry.touch()
    return waiter.promise as Promise<unknown> as Promise<Permit>
  }

  /** Sends the batch. Returns the operation of the semaphore in it, or null if there is none. */
  joinBatch(): PermitOperation | null {
    const outgoing = new OutgoingBatch(this.#session)
    for (const request of this.#requests.splice(0)) request.joinBatch(outgoing)
    return outgoing.permits[0]?.operation ?? null
  }

  reply(said: PermitReply['said'], slots: readonly number[] = [], more: Partial<PermitReply> = {}): void {
    const taken: TakenPermit[] = slots.map((slot) => ({ slot, token: '1' }))
    const batch = { now: this.clock.now(), stamp: 1, tripMs: 0 }
    this.entry.replied({ taken, said, missing: [], otherPermits: null, ...more }, batch)
  }

  /** Makes a first attempt that takes these slots. */
  async taken(...slots: number[]): Promise<Permit[]> {
    const asked = slots.map(() => this.acquire())
    this.joinBatch()
    this.reply('done', slots)
    return Promise.all(asked)
  }

  /** Starts a caller that finds every permit taken, and then waits for a wake-up. */
  waiting(timeoutMs?: number): Promise<Permit> {
    const asked = this.acquire(timeoutMs)
    this.joinBatch()
    this.reply('done')
    this.joinBatch()
    this.reply('waiting')
    return asked
  }

  /** Starts a caller that was woken and found that another process was faster. From now on the semaphore is hot. */
  lostRace(): Promise<Permit> {
    const asked = this.waiting()
    this.entry.woken('other')
    this.joinBatch()
    this.reply('waiting')
    return asked
  }

  #makeSession(): Session & { clientCount: number } {
    const session = {
      state: 'idle',
      clientCount: 1,
      link: { longestWaitMs: 1000 },
      signals: {
        notify: () => void this.notifications++,
        sendTicket: () => void this.tickets++,
      },
      submit: (request: Request) => void this.#requests.push(request),
      verify: () => undefined,
    }
    return session as unknown as Session & { clientCount: number }
  }

  #makeHost(): SemaphoreHost {
    const session = this.#session
    const nothing = (): void => undefined
    return {
      agenda: this.agenda,
      clock: this.clock,
      random: { next: () => this.chance },
      sender: 'us',
      serverQueue: {
        mayEnqueue: () => this.mayEnqueue,
        assignAlone: () => session,
        longestWaitMs: () => 1000,
        leastUsed: () => session,
        mayLook: () => false,
        wantAlone: () => void this.wantsAlone++,
      },
      noFencing: null,
      lastFailure: null,
      isClosing: false,
      admit: (_, entries) => {
        this.admissions.push(entries)
        return this.admit(entries)
      },
      assign: () => session,
      registrationChanged: nothing,
      waitBegan: nothing,
      waitEnded: nothing,
      acquired: nothing,
      released: nothing,
      lost: nothing,
      gone: nothing,
      evict: () => void (this.isForgotten = true),
      entriesChanged: (by) => void (this.tableEntries += by),
      isLookDue: () => false,
      looked: () => null,
    }
  }
}
