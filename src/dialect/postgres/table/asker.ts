import { decodeBrief, encodeBrief, isBrief, type BriefRow } from './brief-batch.js'
import { BRIEF_BATCH, CALL_BRIEF_BATCH } from './brief-batch-sql.js'
import type { Member } from './member.js'
import type { KnownRows } from './rows.js'
import { OutcomeUnknown } from './statement-runner.js'
import { decodeAsk, encodeAsk, type Asked, type AskRow, type Told } from './batch.js'
import { BATCH, CALL_BATCH, CODE, FLAG } from './batch-sql.js'

interface Reply {
  readonly floor: string | null
  readonly told: (Told | null)[]
}

const NOTHING: (Told | null)[] = []

/**
 * Carries out batches of row operations of one member, with exact answers: where the answer to a statement is lost, it first
 * makes sure that the statement is over, then looks what it has done.
 */
export class TableAsker {
  readonly #member: Member
  readonly #known: KnownRows
  readonly #hasFunctions: boolean

  constructor(member: Member, known: KnownRows, hasFunctions: boolean) {
    this.#member = member
    this.#known = known
    this.#hasFunctions = hasFunctions
  }

  /** What was told of each. Null: the row is as it was, or there is none. */
  async ask(asked: readonly Asked[]): Promise<(Told | null)[]> {
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
  async #askOnce(asked: readonly Asked[]): Promise<(Told | null)[] | null> {
    const { floor, told } = await (isBrief(asked) ? this.#askBriefly(asked) : this.#askAll(asked))
    if (floor === null) return null
    if (this.#known.isCurrent(floor)) this.#learn(asked, told)
    return told
  }

  async #askAll(asked: readonly Asked[]): Promise<Reply> {
    const { id, epoch, dead, runner } = this.#member
    const { codes, keys, tokens, order } = encodeAsk(asked)
    const values = [codes, keys, tokens, String(id), `-${id}`, epoch, dead]
    const [row] = await runner.rows<AskRow>(this.#hasFunctions ? STATEMENTS.call : STATEMENTS.batch, values)
    return { floor: row!.floor, told: decodeAsk(row!, asked, order) }
  }

  async #askBriefly(asked: readonly Asked[]): Promise<Reply> {
    const { id, epoch, dead, runner } = this.#member
    const { made, keys, tokens, releases, order } = encodeBrief(asked)
    const values = [made, keys, tokens, String(id), epoch, dead, releases]
    const statement = this.#hasFunctions ? STATEMENTS.callBrief : STATEMENTS.brief
    const [row] = await runner.rows<BriefRow>(statement, values)
    const { floor } = row!
    return { floor, told: floor === null ? NOTHING : decodeBrief(row!, asked, order) }
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

const STATEMENTS = {
  batch: { name: 'lockpool_table_batch', text: BATCH },
  brief: { name: 'lockpool_table_brief', text: BRIEF_BATCH },
  call: { name: 'lockpool_call_batch', text: CALL_BATCH },
  callBrief: { name: 'lockpool_call_brief', text: CALL_BRIEF_BATCH },
} as const
