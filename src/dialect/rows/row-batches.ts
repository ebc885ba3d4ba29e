import type { Member } from './member.js'
import type { KnownRows } from './known-rows.js'
import { CODE, FLAG, type RowRequest, type RowResult } from './operations.js'
import { OutcomeUnknown } from './statement-runner.js'

/**
 * Runs batches of row operations for one member and returns exact results. If the answer to a statement is lost, it
 * first ensures that the statement is over, and then checks what the statement has done.
 */
export class RowBatches {
  readonly #member: Member
  readonly #known: KnownRows

  constructor(member: Member, known: KnownRows) {
    this.#member = member
    this.#known = known
  }

  /** The result of each operation. Null means that the row was not changed, or does not exist. */
  async ask(requests: readonly RowRequest[]): Promise<readonly (RowResult | null)[]> {
    for (;;) {
      try {
        const results = await this.#askOnce(requests)
        if (results !== null) return results
      } catch (error) {
        if (!(error instanceof OutcomeUnknown)) throw error
        await this.#member.raiseEpoch()
        return this.#afterAll(requests)
      }
      await this.#member.lookAgain()
    }
  }

  /** Returns null if nothing has happened, because the epoch was raised in the meantime or the member is dead. */
  async #askOnce(requests: readonly RowRequest[]): Promise<readonly (RowResult | null)[] | null> {
    const { floor, results } = await this.#member.store.batch(requests, this.#member.asking)
    if (floor === null) return null
    if (this.#known.isCurrent(floor)) this.#learn(requests, results)
    return results
  }

  /** A row with a result exists, and so does a row that could not be created as new. */
  #learn(requests: readonly RowRequest[], results: readonly (RowResult | null)[]): void {
    for (const [i, { operation, code }] of requests.entries())
      if (results[i] !== null || code > CODE.look) this.#known.add(operation.key)
  }

  /** A batch runs as a whole or not at all. Operations whose outcome the rows do not show for certain are repeated. */
  async #afterAll(requests: readonly RowRequest[]): Promise<(RowResult | null)[]> {
    const polls = requests.map((each) => ({ ...each, code: CODE.look, token: 0n }))
    const seen = await this.ask(polls)
    const results = requests.map((each, i) => resultOf(each, seen[i]!))
    const open = results.flatMap((each, i) => (each === 'again' ? [i] : []))
    if (open.length === 0) return results as (RowResult | null)[]
    const again = await this.ask(open.map((i) => requests[i]!))
    for (const [at, i] of open.entries()) results[i] = again[at]!
    return results as (RowResult | null)[]
  }
}

/**
 * The result of an operation according to the current row, while no other operation of this member concerns the row.
 */
function resultOf({ code, token, operation }: RowRequest, now: RowResult | null): RowResult | null | 'again' {
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
    // It joined the waiters, and has got the lock since.
    case CODE.queue:
    case CODE.newQueue:
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
