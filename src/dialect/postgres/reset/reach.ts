import pg from 'pg'
import { systemClock, type Clock } from '../../../base/clock.js'
import { readStatement, UNREADABLE, type Reading } from './read-statement.js'
import { stateSignsIn, type StateSigns } from './signs-of-state.js'
import { reachStatement } from './reach-sql.js'
import type { ServerConnection } from '../connection/server-connection.js'

/** What is known about one text and the names in it. */
export interface KnownText extends Reading {
  /** The signs in a text whose names could not be read. */
  readonly signs: StateSigns
  /** The epoch in which the text was found to leave nothing. 0 means never. */
  trustedIn: number
  /** When the server was last asked what this text had left. `leftState` says whether it had left anything. */
  lookedAt: number
  leftState: boolean
}

/**
 * What the objects of a name do, in any schema: they run user code whenever they are read, only when they are written,
 * or never.
 */
type Risk = 'reading' | 'writing' | 'none'

/** A table may get a trigger at any time. This is how long that may stay unnoticed. */
const KNOW_AGAIN_AFTER_MS = 1000

const MOST_TEXTS = 1000

/** Longer texts are mostly data, so the same text rarely comes again. */
const LONGEST_TEXT = 10_000

const MOST_NAMES = 5000

/** The minimum time between two questions to the server. */
const PAUSE_MS = 50

/**
 * Knows whether statements leave anything on their session. A text without function calls may still reach code of
 * users, behind a view, a trigger, a default or an operator. The server is asked about each name once, and about all
 * names again once a second. The question is always sent together with other statements, so it costs no round trip.
 */
export class Reach {
  readonly #clock: Clock
  readonly #texts = new Map<string, KnownText>()
  readonly #risks = new Map<string, Risk>()
  /** A generation of knowledge. A text that was trusted in an earlier epoch is checked again. */
  #epoch = 1
  /** True if users have their own operators or casts. No name shows their use, so no text can be trusted. */
  #isStrange = false
  /** The time of the last complete check. Anything may have changed since then. */
  #knownAt = -Infinity
  #askedAt = -Infinity
  #isAsking = false
  /** True after a statement of this process has changed what names stand for. */
  #isInDoubt = false
  #doubts = 0
  #losses = 0
  readonly #wanted = new Set<string>()

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  /**
   * Empties the whole table when it is full. A program either sends the same few texts again and again, or different
   * ones every time.
   */
  textOf(text: string): KnownText {
    const known = this.#texts.get(text)
    if (known !== undefined) return known
    if (text.length > LONGEST_TEXT) return knownText(UNREADABLE, text)
    if (this.#texts.size >= MOST_TEXTS) this.#texts.clear()
    const read = knownText(readStatement(text), text)
    this.#texts.set(text, read)
    return read
  }

  /** Whether a statement leaves nothing behind, so that the server needs no question. */
  trusts(text: KnownText): boolean {
    return (text.trustedIn === this.#epoch && !this.#isInDoubt) || this.#findsHarmless(text)
  }

  /**
   * How often something turned out to be no longer trustworthy. Before that moment, it may have left anything on any
   * connection.
   */
  get losses(): number {
    return this.#losses
  }

  /** Whether the last check is old enough that something may have changed. */
  get isDue(): boolean {
    return this.#clock.now() - this.#knownAt >= KNOW_AGAIN_AFTER_MS && !this.#isAsking
  }

  /**
   * Whether to ask the server what this text has left. At most once a second, or every time if it left something
   * before.
   */
  isWorthALook(text: KnownText): boolean {
    const now = this.#clock.now()
    if (!text.leftState && now - text.lookedAt < KNOW_AGAIN_AFTER_MS) return false
    text.lookedAt = now
    return true
  }

  /**
   * A statement has created or changed an object that a name may stand for. Nothing is trusted until the server has
   * been asked.
   */
  doubt(): void {
    this.#isInDoubt = true
    this.#doubts++
    this.#knownAt = -Infinity
  }

  /** Adds the unknown names of a text to the next question. */
  wants({ names }: KnownText): void {
    if (names !== null) for (const name of names) if (!this.#risks.has(name)) this.#wanted.add(name)
  }

  /**
   * Asks the server about the wanted names, and about all known names if a check is due. There is a pause between
   * questions, because a program may use new names all the time. The question goes out with other statements, and no
   * caller waits for its answer.
   */
  async learn(server: ServerConnection): Promise<void> {
    const isDue = this.isDue
    const now = this.#clock.now()
    if (this.#isAsking || now - this.#askedAt < PAUSE_MS || server.isPortable) return
    const names = new Set(this.#wanted)
    if (isDue) for (const name of this.#risks.keys()) names.add(name)
    // A program that only opens and closes transactions uses no names.
    if (names.size === 0) return
    this.#wanted.clear()
    this.#isAsking = true
    this.#askedAt = now
    const doubts = this.#doubts
    try {
      const list = pg.escapeLiteral(JSON.stringify([...names]))
      const { rows } = await server.query<RiskRow>(reachStatement(list))
      this.#learned(names, rows)
      // The answer does not cover changes that were made after the question.
      if (isDue && doubts === this.#doubts) {
        this.#knownAt = now
        this.#isInDoubt = false
      }
    } catch {
      // Unknown names are not trusted. If the connection is lost, its owner notices.
    } finally {
      this.#isAsking = false
    }
  }

  #findsHarmless(text: KnownText): boolean {
    if (this.#isStrange || this.#isInDoubt || text.names === null) return false
    for (const name of text.names) {
      const risk = this.#risks.get(name)
      if (risk === undefined || risk === 'reading' || (risk === 'writing' && text.isWriting)) return false
    }
    text.trustedIn = this.#epoch
    return true
  }

  #learned(names: ReadonlySet<string>, rows: readonly RiskRow[]): void {
    const risky = new Map(rows.map(({ name, risk }) => [name, risk]))
    const isStrange = risky.has(null)
    let isWorse = isStrange && !this.#isStrange
    this.#isStrange = isStrange
    for (const name of names) {
      const risk = risky.get(name) ?? 'none'
      const before = this.#risks.get(name)
      if (before !== undefined && before !== risk && risk !== 'none') isWorse = true
      this.#risks.set(name, risk)
    }
    if (this.#risks.size > MOST_NAMES) this.#risks.clear()
    if (!isWorse) return
    this.#epoch++
    this.#losses++
  }
}

const NO_SIGNS: StateSigns = { isExplicit: false, deallocates: false, defines: false, custom: [] }

interface RiskRow {
  readonly name: string | null
  readonly risk: 'reading' | 'writing'
}

function knownText(reading: Reading, text: string): KnownText {
  const signs = reading.names === null ? stateSignsIn(text) : NO_SIGNS
  return { ...reading, signs, trustedIn: 0, lookedAt: -Infinity, leftState: false }
}
