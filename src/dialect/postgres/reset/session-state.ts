import { DEALLOCATE_ALL } from './session-state-sql.js'
import type { KnownText, Reach } from './reach.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { settingsAmong } from './signs-of-state.js'
import { reset, type ResetResult } from './reset.js'

/** The maximum number of possible settings that the server is asked about. */
const MOST_CUSTOM = 200

/** Called with what was found on a connection after its next checkout. */
export type ReportFound = (found: readonly string[]) => void

/**
 * What borrowers may have left on a connection. The text of a statement does not show everything: a function, a trigger
 * or a view may leave more. So everything is reset, unless the borrower's statements are known to leave nothing
 * (`Reach`). The reset costs the server some microseconds and costs callers no round trip: it is sent after the
 * borrower's statements, and the next borrower's first statement follows without waiting. Finding out what was left
 * costs more. That happens if a text shows that it leaves something, and otherwise once a second for each text. A text
 * that left something last time is looked at every time.
 */
export class SessionState {
  readonly #reach: Reach
  #isUsed = false
  /** Texts that are not known to leave nothing. */
  readonly #doubtful = new Set<KnownText>()
  readonly #custom = new Set<string>()
  #isExplicit = false
  #hasDeallocated = false
  #hasDefined = false
  #isForgotten = false
  #underWay: Promise<void> | null = null
  /** The `losses` of `Reach` at the last reset. See `checkOut`. */
  #losses: number
  /** The callback of the last borrower. */
  #report: ReportFound = () => undefined

  constructor(reach: Reach) {
    this.#reach = reach
    this.#losses = reach.losses
  }

  /** Resolves when the statements after the borrowers are answered. Null if nothing is running. */
  get underWay(): Promise<void> | null {
    return this.#underWay
  }

  /** Runs before a checkout. A text that was trusted at the check-in may have turned out to leave something since. */
  checkOut(server: ServerConnection): void {
    if (this.#losses !== this.#reach.losses) this.#cleanBehind(server, this.#report)
  }

  /** Records a borrower's statement. A statement without a known text may leave anything. */
  look(text: string = '', values?: readonly unknown[]): void {
    this.#isUsed = true
    const known = this.#reach.textOf(text)
    if (this.#reach.trusts(known)) return
    this.#doubtful.add(known)
    if (known.names !== null) return this.#reach.wants(known)
    const { isExplicit, deallocates, defines, custom } = known.signs
    this.#isExplicit ||= isExplicit
    this.#hasDeallocated ||= deallocates
    if (defines) {
      this.#hasDefined = true
      this.#reach.doubt()
    }
    for (const name of custom) this.#custom.add(name)
    if (values !== undefined) for (const name of settingsAmong(values)) this.#custom.add(name)
  }

  /**
   * Cleans after a check-in. Returns null if the connection can be checked out at once: nothing was left, or the reset
   * has been sent and precedes all later statements. In that case `report` gets what was found. Otherwise cleans first
   * and resolves with what was found. Rejects if that fails.
   */
  clean(server: ServerConnection, report: ReportFound): Promise<readonly string[]> | null {
    this.#report = report
    // The pool closes the connection then.
    if (this.#isUsed && !server.canBeReset) return Promise.reject(new Error('this server resets no session'))
    const isAtRest = server.comeToRest()
    if (this.#isForgotten && isAtRest) this.#wait(this.#remind(server))
    if (!isAtRest || server.isInTransaction || this.#isExplicit) return this.#clean(server, isAtRest)
    if (this.#doubtful.size > 0) this.#cleanBehind(server, report)
    else if (this.#isUsed && this.#reach.isDue) this.#wait(this.#reach.learn(server))
    this.#isUsed = false
    return null
  }

  #cleanBehind(server: ServerConnection, report: ReportFound): void {
    const resetting = this.#reset(server)
    const learning = this.#reach.learn(server)
    const result = resetting.then(
      ({ found, isForgotten }) => {
        // The current borrower may have prepared statements, so the driver's list is corrected at its check-in.
        if (isForgotten) this.#isForgotten = true
        const all = isForgotten ? [...found, DEALLOCATED] : found
        if (all.length > 0) report(all)
      },
      // A session that could not be cleaned must not be used, even if another borrower already has it.
      () => server.destroy(),
    )
    this.#wait(result.then(() => learning))
  }

  #wait(work: Promise<void>): void {
    const underWay = work.finally(() => {
      if (this.#underWay === underWay) this.#underWay = null
    })
    this.#underWay = underWay
  }

  async #clean(server: ServerConnection, wasAtRest: boolean): Promise<readonly string[]> {
    const found: string[] = []
    if (this.#underWay !== null) await this.#underWay
    if (!wasAtRest && !server.comeToRest()) {
      if (server.inFlight > 0) found.push(inFlightInWords(server.inFlight))
      else if (!server.client.pipeline) found.push('a cursor that was not closed')
      // An error arrives before its statement is over. Answers come in order, so after the answer to this one nothing
      // else is running, and the transaction status is final.
      await server.query('')
      server.comeToRest()
    }
    if (server.isInTransaction) found.push('an open transaction')
    this.#isUsed = false
    if (found.length === 0 && this.#doubtful.size === 0) return found
    const isCertain = this.#hasDeallocated
    const resetting = this.#reset(server)
    this.#wait(this.#reach.learn(server))
    const result = await resetting
    found.push(...result.found)
    if (!isCertain && !result.isForgotten) return found
    found.push(DEALLOCATED)
    await this.#remind(server)
    return found
  }

  /**
   * Makes the driver and the server agree: the driver believes that its statements still exist. Now neither side has
   * any.
   */
  async #remind(server: ServerConnection): Promise<void> {
    this.#isForgotten = false
    server.forgetStatements()
    try {
      await server.command(DEALLOCATE_ALL)
    } catch {
      server.destroy()
    }
  }

  /** Sends everything before it returns. */
  async #reset(server: ServerConnection): Promise<ResetResult> {
    const texts = [...this.#doubtful]
    const worthALook = texts.filter((text) => this.#reach.isWorthALook(text))
    const looks = this.#isExplicit || worthALook.length > 0
    const custom = [...this.#custom].slice(0, MOST_CUSTOM)
    const isOnce = !this.#isExplicit || this.#hasDeallocated
    const resetting = reset(server, { looks, custom, isOnce })
    if (this.#hasDefined) this.#reach.doubt()
    this.#losses = this.#reach.losses
    this.#clear()
    const result = await resetting
    if (looks) for (const text of texts) text.leftState = result.found.length > 0
    return result
  }

  #clear(): void {
    this.#doubtful.clear()
    this.#custom.clear()
    this.#isExplicit = this.#hasDeallocated = this.#hasDefined = false
  }
}

const DEALLOCATED = 'deallocated statements'

function inFlightInWords(statements: number): string {
  return `${statements} statement${statements === 1 ? '' : 's'} under way`
}
