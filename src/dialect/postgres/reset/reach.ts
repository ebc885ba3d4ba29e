import pg from 'pg'
import { systemClock, type Clock } from '../../../base/clock.js'
import { readStatement, UNREADABLE, type Reading } from './read-statement.js'
import { signsIn, type Signs } from './signs-of-state.js'
import { reachStatement } from './reach-sql.js'
import type { ServerConnection } from '../connection/server-connection.js'

/** What is known of one text, and of what its names reach. */
export interface KnownText extends Reading {
  /** Of one without names. */
  readonly signs: Signs
  /** In which state of knowledge it was found to leave nothing; 0 is none. */
  trustedIn: number
  /** When the server was last asked what it had left, and whether that was anything. */
  lookedAt: number
  hasLeft: boolean
}

/** What a name stands for, in whatever schema: code that runs whenever it is read, only when it is written, or none. */
type Risk = 'reading' | 'writing' | 'none'

/** A table may be given a trigger at any time. So much later it is known. */
const KNOW_AGAIN_AFTER_MS = 1000

const MOST_TEXTS = 1000

/** Longer texts are mostly data, which differs every time. */
const LONGEST_TEXT = 10_000

const MOST_NAMES = 5000

/** At least so long between two questions. */
const PAUSE_MS = 50

/**
 * Knows of statements whether they leave anything on their session. A text that calls nothing may still reach code of
 * somebody's: behind a view, a trigger, a default, an operator. Which names do is asked of the server once for each, and
 * again for all of them once a second, always together with something else: it costs nobody a round trip.
 */
export class Reach {
  readonly #clock: Clock
  readonly #texts = new Map<string, KnownText>()
  readonly #risks = new Map<string, Risk>()
  /** A state of knowledge: what was trusted in an earlier one has to be looked at anew. */
  #epoch = 1
  /** Operators and casts have no names that could be seen: with those of users no text can be trusted. */
  #isStrange = false
  /** What was found to be so then may have changed since. */
  #knownAt = -Infinity
  #askedAt = -Infinity
  #isAsking = false
  /** Somebody here has just changed what names stand for. */
  #isInDoubt = false
  #doubts = 0
  #losses = 0
  readonly #wanted = new Set<string>()

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  /** Begun anew when it is full: programs send the same texts again and again, or others every time. */
  textOf(text: string): KnownText {
    const known = this.#texts.get(text)
    if (known !== undefined) return known
    if (text.length > LONGEST_TEXT) return knownText(UNREADABLE, text)
    if (this.#texts.size >= MOST_TEXTS) this.#texts.clear()
    const read = knownText(readStatement(text), text)
    this.#texts.set(text, read)
    return read
  }

  /** Whether a statement leaves nothing behind, so that nobody need ask. */
  trusts(text: KnownText): boolean {
    return (text.trustedIn === this.#epoch && !this.#isInDoubt) || this.#findsHarmless(text)
  }

  /** How often it was found that something is to be trusted no longer: until then it may have left anything, anywhere. */
  get losses(): number {
    return this.#losses
  }

  /** Whether it has been so long that something may have changed. */
  get isDue(): boolean {
    return this.#clock.now() - this.#knownAt >= KNOW_AGAIN_AFTER_MS && !this.#isAsking
  }

  /** Not more often than it may have changed, unless it has always been worth it. */
  isWorthALook(text: KnownText): boolean {
    const now = this.#clock.now()
    if (!text.hasLeft && now - text.lookedAt < KNOW_AGAIN_AFTER_MS) return false
    text.lookedAt = now
    return true
  }

  /** A statement has made or changed something that names may stand for: nothing is trusted until the server was asked. */
  doubt(): void {
    this.#isInDoubt = true
    this.#doubts++
    this.#knownAt = -Infinity
  }

  /** What it does not know of the names of this is to be asked for. */
  wants({ names }: KnownText): void {
    if (names !== null) for (const name of names) if (!this.#risks.has(name)) this.#wanted.add(name)
  }

  /**
   * Asks for what is wanted, and for all that is known if that is due; not too often, because programs may think of names
   * without end. Sent with other things, and waited for by nobody.
   */
  async learn(server: ServerConnection): Promise<void> {
    const isDue = this.isDue
    const now = this.#clock.now()
    if (this.#isAsking || now - this.#askedAt < PAUSE_MS) return
    const names = new Set(this.#wanted)
    if (isDue) for (const name of this.#risks.keys()) names.add(name)
    // Who only opens and closes transactions names nothing.
    if (names.size === 0) return
    this.#wanted.clear()
    this.#isAsking = true
    this.#askedAt = now
    const doubts = this.#doubts
    try {
      const list = pg.escapeLiteral(JSON.stringify([...names]))
      const { rows } = await server.query<RiskRow>(reachStatement(list))
      this.#learned(names, rows)
      // What was changed after the question is not in the answer.
      if (isDue && doubts === this.#doubts) {
        this.#knownAt = now
        this.#isInDoubt = false
      }
    } catch {
      // Whatever is not known is not trusted. If the connection is lost, its owner knows.
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

const NO_SIGNS: Signs = { isTelling: false, deallocates: false, defines: false, custom: [] }

interface RiskRow {
  readonly name: string | null
  readonly risk: 'reading' | 'writing'
}

function knownText(reading: Reading, text: string): KnownText {
  const signs = reading.names === null ? signsIn(text) : NO_SIGNS
  return { ...reading, signs, trustedIn: 0, lookedAt: -Infinity, hasLeft: false }
}
