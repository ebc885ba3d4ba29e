import { systemClock, type Cancel } from '../../base/clock.js'
import { Deferred } from '../../base/deferred.js'
import { explain } from '../../dialect/postgres/connection/server-errors.js'
import type { ServerSession } from '../../dialect/server-state.js'
import { durationInWords } from '../../inspect/durations-in-words.js'
import { sessionInWords } from '../../inspect/session-in-words.js'
import type { LockSnapshot } from '../../inspect/snapshot.js'
import type { ExitStatus } from '../command.js'
import { EXIT } from '../exit-codes.js'
import type { ServerWatch } from '../inspect/server-watch.js'
import { exitCodeOfSignal, SignalDesk } from '../run/signals.js'
import { screenSize, type Terminal } from '../terminal.js'
import { FullScreen } from './full-screen.js'
import { keysIn } from './keys.js'
import { drawScreen, type Screen } from './screen.js'
import { press, startState, type Effect, type TopState } from './top-state.js'

/** How long a note stays: enough time to read it. */
const NOTE_MS = 5000

/** How long a note about the server stays, because the user may be away. */
const SERVER_NOTE_MS = 60_000

/** The loop of `lockpool top`: inspections, keys and drawing. Other files decide what each key does, and what to draw. */
export class Top {
  readonly #watch: ServerWatch
  readonly #terminal: Terminal
  readonly #screen: FullScreen
  readonly #ended = new Deferred<ExitStatus>()
  #state: TopState
  #snapshot: LockSnapshot | null
  /** Why the last look failed. */
  #failure: string | null = null
  /** The result of the last attempt to end a session. */
  #note: string | null = null
  #noteUntil = 0
  #drawn: Screen = { lines: [], rows: [], page: 1, found: null }
  #cancel: Cancel | null = null
  #isLooking = false
  /** The server of the last inspection, and since when no inspection has succeeded. */
  #place: string | null
  #awaySince: number | null = null

  /** `first` is a snapshot, so a wrong address is reported before this, as by every other command. */
  constructor(watch: ServerWatch, first: LockSnapshot, terminal: Terminal, intervalMs: number) {
    this.#watch = watch
    this.#terminal = terminal
    this.#snapshot = first
    this.#place = watch.place
    this.#state = startState(intervalMs)
    this.#screen = new FullScreen(terminal.out, (input) => this.#typed(input))
  }

  async run(): Promise<ExitStatus> {
    const desk = new SignalDesk()
    desk.handler = (signal) => this.#ended.resolve(exitCodeOfSignal(signal))
    process.on('SIGWINCH', () => this.#draw())
    // The process continues after a stop. The shell has used the terminal meanwhile.
    process.on('SIGCONT', () => {
      this.#screen.leave()
      this.#screen.enter()
      this.#draw()
    })
    this.#screen.enter()
    try {
      this.#draw()
      this.#lookLater()
      return await this.#ended.promise
    } finally {
      this.#cancel?.()
      this.#screen.leave()
    }
  }

  #typed(input: string): void {
    for (const key of keysIn(input)) {
      const { rows, page, found } = this.#drawn
      const { state, effect } = press(this.#state, key, { rows: rows.map(({ id }) => id), page, found })
      const isOtherRhythm = state.intervalMs !== this.#state.intervalMs
      this.#state = state
      this.#carryOut(effect)
      if (isOtherRhythm) this.#lookLater()
      // The next key may depend on what this one has changed.
      this.#draw()
    }
  }

  #carryOut(effect: Effect): void {
    switch (effect) {
      case 'quit':
        return this.#ended.resolve(EXIT.ok)
      case 'suspend':
        this.#screen.leave()
        process.kill(process.pid, 'SIGSTOP')
        return
      case 'refresh':
        return void this.#look()
      case 'terminate':
        return void this.#terminate()
      case 'nothing':
        return
    }
  }

  async #terminate(): Promise<void> {
    const session = this.#drawn.rows.find(({ id }) => id === this.#state.selected)?.session
    if (session === undefined || session === null) return
    this.#note = await endInWords(session, this.#watch)
    this.#noteUntil = systemClock.now() + NOTE_MS
    await this.#look()
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      const snapshot = await this.#watch.look()
      if (!this.#isAsking) this.#snapshot = snapshot
      this.#failure = null
      this.#seeServer()
    } catch (error) {
      this.#awaySince ??= systemClock.now()
      this.#failure = `the database cannot be used: ${explain(error).message}`
    }
    this.#isLooking = false
    this.#draw()
    this.#lookLater()
  }

  /** After a failover: where the server is now, and how long there was none. */
  #seeServer(): void {
    const { place } = this.#watch
    const now = systemClock.now()
    const awayMs = this.#awaySince === null ? null : now - this.#awaySince
    const note = serverNote(this.#place, place, awayMs)
    this.#place = place
    this.#awaySince = null
    if (note === null) return
    this.#note = note
    this.#noteUntil = now + SERVER_NOTE_MS
  }

  /** While a question is open, the selection must not change, because the answer applies to the row that is shown. */
  get #isAsking(): boolean {
    return this.#state.mode === 'confirm'
  }

  #lookLater(): void {
    this.#cancel?.()
    this.#cancel = systemClock.after(this.#state.intervalMs, () => {
      if (this.#state.isPaused || this.#isAsking) this.#lookLater()
      else void this.#look()
    })
  }

  #draw(): void {
    const size = screenSize() ?? { columns: 80, rows: 24 }
    const note = systemClock.now() < this.#noteUntil ? this.#note : null
    const scene = { state: this.#state, snapshot: this.#snapshot, message: this.#failure ?? note }
    this.#drawn = drawScreen(scene, size, this.#terminal.out)
    this.#screen.draw(this.#drawn.lines)
  }
}

/** Null if nothing has changed. */
export function serverNote(before: string | null, now: string | null, awayMs: number | null): string | null {
  const away = awayMs === null ? '' : `, and was away for ${durationInWords(awayMs)}`
  if (before !== now && now !== null) return `the server is ${now} now${away}`
  return awayMs === null ? null : `the server is back${away}`
}

/** Ends a session, and shows the result. */
async function endInWords(session: ServerSession, watch: ServerWatch): Promise<string> {
  const who = sessionInWords(session)
  if (session.pid === 0) return `${who} has no session to end: see pg_prepared_xacts`
  try {
    return (await watch.end(session)) === 'there'
      ? `${who} was asked to end, and is still there`
      : `${who} has ended`
  } catch (error) {
    return `${who} was not ended: ${explain(error).message}`
  }
}
