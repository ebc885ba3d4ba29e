import type { Member } from './member.js'
import type { KnownRows } from './known-rows.js'
import { CODE, FLAG, type Asked, type Told } from './operations.js'
import { OutcomeUnknown } from './statement-runner.js'

/**
 * Carries out batches of row operations of one member, with exact answers: where the answer to a statement is lost, it first
 * makes sure that the statement is over, then looks what it has done.
 */
export class RowAsker {
  readonly #member: Member
  readonly #known: KnownRows

  constructor(member: Member, known: KnownRows) {
    this.#member = member
    this.#known = known
  }

  /** What was told of each. Null: the row is as it was, or there is none. */
  async ask(asked: readonly Asked[]): Promise<readonly (Told | null)[]> {
    for (;;) {
      try {
        const told = await this.#askOnce(asked)
        if (told !== null) return told
      } catch (error) {
        if (!(error instanceof OutcomeUnknown)) throw error
        await this.#member.raiseEpoch()
        return this.#afterAll(asked)
      }
      await this.#member.lookAgain()
    }
  }

  /** Null: nothing has happened, because the epoch was raised meanwhile, or the member is dead. */
  async #askOnce(asked: readonly Asked[]): Promise<readonly (Told | null)[] | null> {
    const { floor, told } = await this.#member.store.batch(asked, this.#member.asking)
    if (floor === null) return null
    if (this.#known.isCurrent(floor)) this.#learn(asked, told)
    return told
  }

  /** A row that was told of is there, and so is one that could not be made. */
  #learn(asked: readonly Asked[], told: readonly (Told | null)[]): void {
    for (const [i, { operation, code }] of asked.entries())
      if (told[i] !== null || code > CODE.look) this.#known.add(operation.key)
  }

  /** A batch is carried out as a whole, or not at all. What the rows do not tell for certain is asked again. */
  async #afterAll(asked: readonly Asked[]): Promise<(Told | null)[]> {
    const looks = asked.map((each) => ({ ...each, code: CODE.look, token: 0n }))
    const seen = await this.ask(looks)
    const told = asked.map((each, i) => resultOf(each, seen[i]!))
    const open = told.flatMap((each, i) => (each === 'again' ? [i] : []))
    if (open.length === 0) return told as (Told | null)[]
    const again = await this.ask(open.map((i) => asked[i]!))
    for (const [at, i] of open.entries()) told[i] = again[at]!
    return told as (Told | null)[]
  }
}

/** What an operation has done, by the row as it is now, while nothing else of this member is about it. */
function resultOf({ code, token, operation }: Asked, now: Told | null): Told | null | 'again' {
  if (now === null) return 'again'
  const owns = (now.flags & FLAG.owns) !== 0
  const reads = (now.flags & FLAG.reads) !== 0
  const isSame = owns && BigInt(now.token) === token
  switch (code) {
    case CODE.releaseExclusive:
      return isSame ? 'again' : now
    case CODE.releaseShared:
      return reads ? 'again' : now
    case CODE.yield:
      return isSame ? 'again' : now
    case CODE.tryExclusive:
    case CODE.waitExclusive:
    case CODE.passExclusive:
    case CODE.newExclusive:
      return owns ? now : 'again'
    case CODE.tryShared:
    case CODE.waitShared:
    case CODE.insistShared:
    case CODE.newShared:
      return reads && operation.mode === 'shared' ? now : 'again'
    default:
      return 'again'
  }
}
