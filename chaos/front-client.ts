import { setImmediate as afterPoll, setTimeout as sleep } from 'node:timers/promises'
import type { LockMode } from '../src/index.js'
import { SeededRandom } from '../src/testing/seeded-random.js'
import * as sql from './front-client-sql.js'
import { codeOf, FrontSession } from './front-session.js'
import { sharedNow } from './history.js'
import { Journal } from './journal.js'
import { isNamed, nameOf } from './lock-keys.js'
import type { Orders } from './orders.js'
import { PostgresRow } from './postgres-row.js'

const LOOK_MS = 5
const COUNT_MS = 500

/** An attempt does not wait for other clients, but it waits for the server to answer the front. */
const ATTEMPT_MS = 30_000

/** How long after its time limit an answer is still awaited. */
const LATE_MS = 3000

/** Statements that are usually answered at once may have to wait for a server that is restarting. */
const USUAL_MS = 10_000

const TIMEOUTS = [20, 300, 2000, 8000, 8000] as const

/** The same as in worker.ts. */
const LONG_CHANCE = 0.03

interface Request {
  readonly number: number
  readonly mode: LockMode
  readonly way: 'session' | 'transaction' | 'named'
  readonly isAttempt: boolean
  readonly timeoutMs: number
}

/** A program without lockpool: it locks with the statements of PostgreSQL, or with those of the front. */
class FrontClient {
  readonly #orders: Orders
  readonly #journal: Journal
  readonly #random: SeededRandom
  readonly #row: PostgresRow
  /** The name of the call that holds a lock, by session. */
  readonly #held = new Map<FrontSession, string>()
  #asks = 0
  #isStopping = false

  constructor(orders: Orders) {
    this.#orders = orders
    this.#journal = new Journal(orders.journal)
    this.#random = new SeededRandom(orders.seed)
    this.#row = new PostgresRow(orders.url, `chaos ${orders.process} data`)
    const unhandled = (reason: unknown): void =>
      this.#journal.write({
        what: 'unhandled',
        message: reason instanceof Error ? (reason.stack ?? '') : String(reason),
      })
    process.on('unhandledRejection', unhandled)
    process.on('uncaughtException', unhandled)
  }

  async work(): Promise<void> {
    this.#journal.write({ what: 'started', leaseMs: this.#orders.leaseMs })
    const looking = setInterval(() => void this.#look(), LOOK_MS)
    const counting = setInterval(() => this.#journal.write({ what: 'counted', handedOff: 0 }), COUNT_MS)
    const first = await this.#connect()
    process.send?.('ready')
    await Promise.all(
      Array.from({ length: this.#orders.callers }, (_, i) => this.#call(i === 0 ? first : null)),
    )
    await this.#row.close()
    clearInterval(looking)
    clearInterval(counting)
    this.#journal.write({ what: 'closed' })
  }

  stop(): void {
    this.#isStopping = true
  }

  #connect(): Promise<FrontSession | null> {
    let session: FrontSession | null = null
    const over = (): void => this.#over(session)
    return FrontSession.open(this.#orders.url, `chaos ${this.#orders.process}`, over).then(
      (opened) => (session = opened),
    )
  }

  /** The connection has ended: its lock is lost, unless the program ended the connection to release it. */
  #over(session: FrontSession | null): void {
    const ask = session === null ? undefined : this.#held.get(session)
    if (ask === undefined) return
    this.#held.delete(session!)
    this.#journal.write({ what: 'lost', ask, reason: 'the connection has ended' })
  }

  /** One thread of the program. It has one connection at a time. */
  async #call(first: FrontSession | null): Promise<void> {
    let session = first
    while (!this.#isStopping) {
      if (session === null || session.isOver) session = await this.#connect()
      if (session === null) await sleep(50 + this.#random.below(100))
      else await this.#turn(session).catch((error: unknown) => this.#failed(session!, error))
    }
    await session?.end()
  }

  /**
   * A statement that neither acquired nor held has failed: SET, BEGIN, an unlock. A cancel may hit the statement after its
   * own.
   */
  #failed(session: FrontSession, error: unknown): void {
    const code = codeOf(error)
    if (!['CONNECTION_FAILED', 'NO_ANSWER', 'ABORTED'].includes(code))
      this.#journal.write({ what: 'unhandled', message: code })
    session.destroy()
  }

  async #turn(session: FrontSession): Promise<void> {
    const request = this.#request()
    const ask = `${this.#orders.process}/${++this.#asks}`
    await session.ask(sql.LOCK_TIMEOUT, String(request.timeoutMs), USUAL_MS)
    if (request.way === 'transaction') await session.ask(sql.BEGIN, null, USUAL_MS)
    const token = await this.#ask(session, ask, request)
    if (token !== undefined) await this.#hold(session, ask, request, token)
    else if (!session.isOver) {
      if (request.way === 'transaction') await session.ask(sql.ROLLBACK, null, USUAL_MS)
      await sleep(this.#random.below(30))
    }
  }

  #request(): Request {
    const { keys } = this.#orders
    const number = this.#random.chance(LONG_CHANCE) ? keys : 1 + this.#random.below(keys - 1)
    const way = isNamed(number) ? 'named' : this.#random.chance(0.3) ? 'transaction' : 'session'
    return {
      number,
      mode: way !== 'named' && this.#random.chance(0.25) ? 'shared' : 'exclusive',
      way,
      isAttempt: this.#random.chance(0.1),
      timeoutMs: this.#random.pick(TIMEOUTS),
    }
  }

  /** The token; null if the lock has none; undefined if the lock was not granted. */
  async #ask(session: FrontSession, ask: string, request: Request): Promise<string | null | undefined> {
    const { number, mode, isAttempt, timeoutMs } = request
    const withinMs = isAttempt ? ATTEMPT_MS : timeoutMs
    const abort = this.#random.chance(0.1)
      ? setTimeout(() => this.#abort(session), this.#random.below(200))
      : undefined
    this.#journal.write({ what: 'asked', ask, key: String(number), mode, withinMs })
    try {
      const answer = await this.#send(session, request, withinMs + LATE_MS)
      const isGranted = request.way === 'named' ? answer !== null : answer !== false
      if (!isGranted) this.#journal.write({ what: 'refused', ask, code: 'NOT_GRANTED' })
      else return this.#granted(session, ask, request.way === 'named' ? String(answer) : null)
    } catch (error) {
      this.#journal.write({ what: 'refused', ask, code: codeOf(error) })
    } finally {
      clearTimeout(abort)
    }
    return undefined
  }

  /** Acts like a user who stops waiting: mostly it cancels the statement, sometimes it closes the connection. */
  #abort(session: FrontSession): void {
    if (this.#random.chance(0.7)) session.cancel()
    else session.destroy()
  }

  /** Uses the simple or the extended protocol. */
  #send(session: FrontSession, { number, mode, way, isAttempt }: Request, limitMs: number): Promise<unknown> {
    const pair = way === 'named' ? sql.NAMED : sql.LOCK[way][mode]
    return this.#say(session, isAttempt ? pair.attempt : pair.wait, number, limitMs)
  }

  #say(session: FrontSession, text: string, number: number, limitMs: number): Promise<unknown> {
    if (isNamed(number)) return session.ask(text, nameOf(number), limitMs)
    return this.#random.chance(0.5)
      ? session.ask(text, String(number), limitMs)
      : session.ask(text.replace('$1', String(number)), null, limitMs)
  }

  #granted(session: FrontSession, ask: string, token: string | null): string | null {
    this.#journal.write({ what: 'granted', ask, token })
    if (session.isOver) this.#journal.write({ what: 'lost', ask, reason: 'the connection has ended' })
    else this.#held.set(session, ask)
    return token
  }

  async #hold(session: FrontSession, ask: string, request: Request, token: string | null): Promise<void> {
    const { keys, leaseMs } = this.#orders
    if (request.number === keys) await sleep(leaseMs + this.#random.below(2 * leaseMs))
    else if (token !== null && this.#random.chance(0.6))
      await this.#write(session, ask, request, BigInt(token))
    else await this.#rest()
    // A timer fires before Node.js reads data that has arrived, and `look` must wait for that data.
    await sleep(0)
    await this.#look()
    if (!this.#held.delete(session)) return
    this.#journal.write({ what: 'releasing', ask })
    await this.#release(session, request)
    this.#journal.write({ what: 'released', ask })
  }

  /** Reads, waits and writes as in worker.ts, but through the front, which passes these statements on. */
  async #write(session: FrontSession, ask: string, { number }: Request, token: bigint): Promise<void> {
    const key = String(number)
    try {
      for (let writes = 1 + this.#random.below(3); writes > 0 && this.#held.has(session); writes--) {
        const value = await this.#row.claim(key, token)
        if (value === null) return
        await this.#rest()
        await this.#row.write(key, ask, token, value + 1)
      }
    } catch {
      // The row's own record shows whether the write happened.
    }
  }

  /** Releases in one of the ways that programs use. */
  async #release(session: FrontSession, { number, mode, way }: Request): Promise<void> {
    if (this.#random.chance(0.05)) return session.destroy()
    if (this.#random.chance(0.05)) return session.end()
    if (way === 'transaction') {
      await session.ask(this.#random.chance(0.8) ? sql.COMMIT : sql.ROLLBACK, null, USUAL_MS)
    } else if (this.#random.chance(0.1)) {
      await session.ask(this.#random.chance(0.5) ? sql.UNLOCK_ALL : sql.DISCARD, null, USUAL_MS)
    } else {
      const unlock = way === 'named' ? sql.NAMED.release : sql.UNLOCK[mode]
      const wasHeld = await this.#say(session, unlock, number, USUAL_MS)
      if (wasHeld !== true)
        this.#journal.write({ what: 'unhandled', message: `${unlock} of ${number}: ${String(wasHeld)}` })
    }
  }

  /** Mostly short, but sometimes long enough that a strike can hit. */
  async #rest(): Promise<void> {
    await sleep(this.#random.chance(0.1) ? this.#random.below(400) : this.#random.below(15))
  }

  /**
   * A client knows that its connection has ended once it has read all data that arrived. So it held the lock at a moment if a
   * later look for the end of the connection found nothing.
   */
  async #look(): Promise<void> {
    const at = sharedNow()
    const held = [...this.#held]
    await afterPoll()
    for (const [session, ask] of held)
      if (this.#held.get(session) === ask) this.#journal.write({ what: 'held', ask }, at)
  }
}

const client = new FrontClient(JSON.parse(process.argv[2] ?? '{}') as Orders)
process.on('message', () => client.stop())
process.on('disconnect', () => client.stop())
await client.work()
if (process.connected) process.disconnect()
