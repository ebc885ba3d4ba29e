import { DEALLOCATE_ALL } from './session-state-sql.js'
import type { KnownText, Reach } from './reach.js'
import type { ServerConnection } from '../connection/server-connection.js'
import { settingsAmong } from './signs-of-state.js'
import { reset, type ResetResult } from './reset.js'

/** So many names that may be settings are asked about. */
const MOST_CUSTOM = 200

/** Told what was found on a connection after it was lent again. */
export type TellFound = (found: readonly string[]) => void

/**
 * What borrowers may have left on a connection. Text does not tell: a function, a trigger or a view may leave what no
 * statement says. So everything is cleaned, unless the statements of the borrower are known to leave nothing (`Reach`). That
 * costs the server some microseconds, and nobody a round trip: it is sent behind the borrower, and the next one's first
 * statement behind it, without waiting. What there was to clean is another question, and dearer. It is asked where a text says
 * that there is something, and else once a second for each text; nobody who leaves something each time is missed.
 */
export class SessionState {
  readonly #reach: Reach
  #isUsed = false
  /** Texts that are not known to leave nothing. */
  readonly #doubtful = new Set<KnownText>()
  readonly #custom = new Set<string>()
  #isTelling = false
  #hasDeallocated = false
  #hasDefined = false
  #isForgotten = false
  #underWay: Promise<void> | null = null
  /** Those of what was trusted that are known here: see `lend`. */
  #losses: number
  /** Of the last borrower. */
  #tell: TellFound = () => undefined

  constructor(reach: Reach) {
    this.#reach = reach
    this.#losses = reach.losses
  }

  /** Resolves when what was sent behind borrowers is answered; null if it is. */
  get underWay(): Promise<void> | null {
    return this.#underWay
  }

  /** Before anybody has it: what was trusted when it came back may have been found out since. */
  lend(server: ServerConnection): void {
    if (this.#losses !== this.#reach.losses) this.#cleanBehind(server, this.#tell)
  }

  /** Of a statement whose text is not known anything may be left. */
  look(text: string = '', values?: readonly unknown[]): void {
    this.#isUsed = true
    const known = this.#reach.textOf(text)
    if (this.#reach.trusts(known)) return
    this.#doubtful.add(known)
    if (known.names !== null) return this.#reach.wants(known)
    const { isTelling, deallocates, defines, custom } = known.signs
    this.#isTelling ||= isTelling
    this.#hasDeallocated ||= deallocates
    if (defines) {
      this.#hasDefined = true
      this.#reach.doubt()
    }
    for (const name of custom) this.#custom.add(name)
    if (values !== undefined) for (const name of settingsAmong(values)) this.#custom.add(name)
  }

  /**
   * Null if it can be lent at once: there is nothing, or it is cleaned before anything that is sent from now on, and `tell` is
   * told what it was. Otherwise cleans, and answers what was found; rejects if it can't.
   */
  clean(server: ServerConnection, tell: TellFound): Promise<readonly string[]> | null {
    this.#tell = tell
    const isAtRest = server.comeToRest()
    if (this.#isForgotten && isAtRest) this.#wait(this.#remind(server))
    if (!isAtRest || server.isInTransaction || this.#isTelling) return this.#clean(server, isAtRest)
    if (this.#doubtful.size > 0) this.#cleanBehind(server, tell)
    else if (this.#isUsed && this.#reach.isDue) this.#wait(this.#reach.learn(server))
    this.#isUsed = false
    return null
  }

  #cleanBehind(server: ServerConnection, tell: TellFound): void {
    const sweeping = this.#sweep(server)
    const learning = this.#reach.learn(server)
    const swept = sweeping.then(
      ({ found, isForgotten }) => {
        // Whoever has it now may have prepared something, so the driver is brought up to date when it comes back.
        if (isForgotten) this.#isForgotten = true
        const all = isForgotten ? [...found, DEALLOCATED] : found
        if (all.length > 0) tell(all)
      },
      // Nobody must use it then, whoever has it by now.
      () => server.destroy(),
    )
    this.#wait(swept.then(() => learning))
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
      // An error is told before its statement is over. Answers come in order: behind this one nothing else is under way, and the transaction status is the last word.
      await server.query('')
      server.comeToRest()
    }
    if (server.isInTransaction) found.push('an open transaction')
    this.#isUsed = false
    if (found.length === 0 && this.#doubtful.size === 0) return found
    const isCertain = this.#hasDeallocated
    const sweeping = this.#sweep(server)
    this.#wait(this.#reach.learn(server))
    const swept = await sweeping
    found.push(...swept.found)
    if (!isCertain && !swept.isForgotten) return found
    found.push(DEALLOCATED)
    await this.#remind(server)
    return found
  }

  /** The driver believes that its own statements are still there. Now none is, and it knows. */
  async #remind(server: ServerConnection): Promise<void> {
    this.#isForgotten = false
    server.forgetStatements()
    try {
      await server.command(DEALLOCATE_ALL)
    } catch {
      server.destroy()
    }
  }

  /** All of it is sent before this returns. */
  async #sweep(server: ServerConnection): Promise<ResetResult> {
    const texts = [...this.#doubtful]
    const worthALook = texts.filter((text) => this.#reach.isWorthALook(text))
    const looks = this.#isTelling || worthALook.length > 0
    const custom = [...this.#custom].slice(0, MOST_CUSTOM)
    const isOnce = !this.#isTelling || this.#hasDeallocated
    const sweeping = reset(server, { looks, custom, isOnce })
    if (this.#hasDefined) this.#reach.doubt()
    this.#losses = this.#reach.losses
    this.#forget()
    const swept = await sweeping
    if (looks) for (const text of texts) text.hasLeft = swept.found.length > 0
    return swept
  }

  #forget(): void {
    this.#doubtful.clear()
    this.#custom.clear()
    this.#isTelling = this.#hasDeallocated = this.#hasDefined = false
  }
}

const DEALLOCATED = 'deallocated statements'

function inFlightInWords(statements: number): string {
  return `${statements} statement${statements === 1 ? '' : 's'} under way`
}
