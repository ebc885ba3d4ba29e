import type { PermitOperation, PermitReply, SemaphoreCode, TakenPermit } from '../../permit-operation.js'
import { SAID, type Answer } from '../../lock-operation.js'
import type { Holdings } from './holdings.js'
import type { RegistrationBook } from '../notify/registration-book.js'
import { REGISTRATION_SLOTS, registrationNames, SHAPE_SLOTS } from '../keys/lock-names.js'
import {
  GIVE_ONE,
  GIVE_SLOTS,
  IS_WANTED,
  OTHER_SHAPES,
  TAKE_FIRST,
  TAKE_SLOTS,
  TAKE_SLOTS_PLAIN,
} from './permit-sql.js'
import { queueNameOf } from './server-queue.js'
import type { OwnRow } from '../connection/server-connection.js'

/**
 * The maximum number of rounds in which free slots were taken by other sessions in the meantime. Each of those rounds
 * served another session.
 */
const MAX_ROUNDS = 8

const MOST_PERMITS = 1000

/** All possible numbers of permits. */
const ALL_NUMBERS = `[${Array.from({ length: MOST_PERMITS }, (_, i) => i + 1).join(',')}]`

/** What permits need from a lock session. */
export interface PermitHost {
  readonly ask: (sql: string, values: readonly string[]) => Promise<OwnRow>
  /** Waits in the queue for one slot, and acquires it. */
  readonly enqueue: (
    name: string,
    waitMs: number,
  ) => Promise<{ readonly said: Answer; readonly token: string | null }>
  readonly holdings: Holdings
  readonly registrations: RegistrationBook
  /** Converts what the server drew to a token. Null if there are no tokens. */
  readonly token: ((drawn: string) => string) | null
}

/** The permits of semaphores. Slots are separate names, so the server counts the slots that are really held. */
export class Permits {
  readonly #host: PermitHost

  constructor(host: PermitHost) {
    this.#host = host
  }

  async run(operation: PermitOperation): Promise<PermitReply> {
    const { kind, semaphore } = operation
    if (kind === 'leave') {
      await this.#endRegistration(semaphore)
      if (operation.exits) await this.#exit(semaphore)
      return NOTHING
    }
    if (kind === 'release') return this.#release(operation)
    if (kind === 'enqueue') return this.#enqueue(operation)
    const isWaiting = kind !== 'take'
    const isInterested = isWaiting && (await this.#setRegistration(semaphore))
    const taken = await this.#take(operation)
    if (operation.enters && (taken.length > 0 || kind === 'wait')) await this.#enter(semaphore)
    const isEnough = taken.length === operation.atMost
    if (isEnough && isWaiting) await this.#endRegistration(semaphore)
    const said = !isWaiting || isEnough ? 'done' : isInterested ? 'waiting' : 'crowded'
    return { ...NOTHING, taken, said, otherPermits: operation.looks ? await this.#others(semaphore) : null }
  }

  /** Waits for one slot, and takes further slots if they are free. */
  async #enqueue(operation: PermitOperation): Promise<PermitReply> {
    const { semaphore, slots, waitMs, atMost } = operation
    const slot = this.#order(operation)[0]!
    const { said, token } = await this.#host.enqueue(semaphore.slot(slot).id, waitMs)
    const taken: TakenPermit[] = []
    if (said !== SAID.no) {
      this.#host.holdings.acquired(semaphore.slot(slot).id)
      taken.push({ slot, token })
    }
    const rest = { ...operation, slots: [...slots, ...taken.map((each) => each.slot)] }
    taken.push(...(await this.#take({ ...rest, atMost: atMost - taken.length })))
    if (operation.enters && taken.length > 0) await this.#enter(semaphore)
    const otherPermits = operation.looks ? await this.#others(semaphore) : null
    return { ...NOTHING, taken, said: said === SAID.free ? 'free' : 'done', otherPermits }
  }

  /** The slots that this session does not have, in the order in which they are tried. */
  #order({ semaphore: { permits }, from, slots }: PermitOperation): number[] {
    const all = Array.from({ length: permits }, (_, i) => (from + i) % permits)
    return all.filter((slot) => !slots.includes(slot))
  }

  async #take(operation: PermitOperation): Promise<TakenPermit[]> {
    const { semaphore, atMost } = operation
    let candidates = this.#order(operation)
    const taken: TakenPermit[] = []
    for (let round = 0; round < MAX_ROUNDS && taken.length < atMost && candidates.length > 0; round++)
      candidates = await this.#round(semaphore, candidates, atMost - taken.length, taken)
    return taken
  }

  /** Tries as many slots as are wanted, checks the others, and returns those that seem to be free. */
  async #round(
    semaphore: SemaphoreCode,
    candidates: readonly number[],
    wanted: number,
    taken: TakenPermit[],
  ): Promise<number[]> {
    const { ask, token, holdings } = this.#host
    const rows = candidates.map((slot, i) => `[${i < wanted ? 1 : 0},"${semaphore.slot(slot).id}"]`)
    const [text] = await ask(token === null ? TAKE_SLOTS_PLAIN : TAKE_SLOTS, [`[${rows.join(',')}]`])
    const answers = String(text).split(',')
    const free: number[] = []
    for (const [i, slot] of candidates.entries()) {
      const answer = answers[i]
      if (answer === 'f') free.push(slot)
      else if (answer !== 'n' && answer !== undefined) {
        holdings.acquired(semaphore.slot(slot).id)
        taken.push({ slot, token: token === null ? null : token(answer) })
      }
    }
    return free
  }

  async #release({ semaphore, slots, exits }: PermitOperation): Promise<PermitReply> {
    const { ask, holdings } = this.#host
    const names = slots.map((slot) => semaphore.slot(slot).id)
    const [answer] = names.length === 0 ? [''] : await ask(GIVE_SLOTS, [JSON.stringify(names)])
    for (const name of names) holdings.released(name)
    if (exits) await this.#exit(semaphore)
    const answers = String(answer)
    const isWanted = Number((await ask(IS_WANTED, registrationNames(semaphore.key.id)))[0]) === 1
    const said = isWanted ? 'wanted' : answers.includes('a') ? 'awaited' : 'done'
    return { ...NOTHING, missing: slots.filter((_, i) => answers[i] === 'n'), said }
  }

  async #setRegistration({ key: { id } }: SemaphoreCode): Promise<boolean> {
    const { ask, registrations } = this.#host
    registrations.asks(id, 'permits')
    if (registrations.slotOf(id) !== null) return true
    const [place] = await ask(TAKE_FIRST[REGISTRATION_SLOTS]!, registrationNames(id))
    if (place === 'n') return false
    registrations.set(id, String(place))
    return true
  }

  async #endRegistration({ key: { id } }: SemaphoreCode): Promise<void> {
    const { ask, registrations } = this.#host
    const slot = registrations.slotOf(id)
    if (slot !== null) await ask(GIVE_ONE, [slot])
    registrations.drop(id)
  }

  /** If all names for this shape are taken, the other sessions represent it. */
  async #enter(semaphore: SemaphoreCode): Promise<void> {
    const { ask, holdings } = this.#host
    if (holdings.shapeOf(semaphore.shape.id) !== null) return
    const names = shapeNames(semaphore)
    const [place] = await ask(TAKE_FIRST[SHAPE_SLOTS]!, names)
    if (place !== 'n') holdings.acquiredShape(semaphore.shape.id, names[Number(place)]!)
  }

  async #exit({ shape }: SemaphoreCode): Promise<void> {
    const { ask, holdings } = this.#host
    const name = holdings.shapeOf(shape.id)
    if (name === null) return
    await ask(GIVE_ONE, [name])
    holdings.releasedShape(shape.id)
  }

  async #others({ key: { id }, permits }: SemaphoreCode): Promise<number | null> {
    const names = Array.from({ length: SHAPE_SLOTS }, () => id)
    const [numbers] = await this.#host.ask(OTHER_SHAPES, [...names, ALL_NUMBERS])
    if (numbers === null) return null
    return (
      String(numbers)
        .split(',')
        .map(Number)
        .find((each) => each !== permits) ?? null
    )
  }
}

/** All names that a failed operation may have acquired. */
export function doubtfulNames({ kind, semaphore, slots }: PermitOperation): string[] {
  const all = Array.from({ length: semaphore.permits }, (_, slot) => slot)
  const others = all.filter((slot) => !slots.includes(slot)).map((slot) => semaphore.slot(slot).id)
  const lines = kind === 'enqueue' ? others.map(queueNameOf) : []
  return [...others, ...lines, ...registrationNames(semaphore.key.id), ...shapeNames(semaphore)]
}

const NOTHING: PermitReply = { taken: [], said: 'done', missing: [], otherPermits: null }

function shapeNames({ shape }: SemaphoreCode): string[] {
  return Array.from({ length: SHAPE_SLOTS }, (_, i) => `${shape.id}/${i}`)
}
