import { systemClock } from '../../base/clock.js'
import type { Channel } from '../terminal.js'
import {
  brokenPromises,
  money,
  thousands,
  type DemoOutcome,
  type KillOutcome,
  type PartOutcome,
} from './outcome.js'
import type { Tally } from './tally.js'

/** Narrower than any terminal that is still in use. */
const WIDTH = 78
const BAR = 24

/** A log needs a line only now and then. */
const LOG_EVERY_MS = 2000

/** The current state of the demo. */
export interface Progress {
  readonly title: string
  readonly ms: number
  readonly ofMs: number
  readonly withLocks: boolean
  readonly tally: Tally
  readonly connections: number
}

/** The output of the demo: on a terminal a few lines that are redrawn, in a log a line now and then. */
export class DemoView {
  readonly #channel: Channel
  #drawn = 0
  #loggedAt = -Infinity

  constructor(channel: Channel) {
    this.#channel = channel
  }

  /** Shows a text that stays on the screen. */
  say(text: string): void {
    this.#wipe()
    this.#channel.write(`${text}\n`)
  }

  heading(text: string): void {
    this.say(`\n${this.#channel.paint('bold', text)}`)
  }

  /** Shows the progress. On a terminal the next output replaces it. */
  progress(progress: Progress): void {
    if (this.#channel.isTerminal) return this.#draw(progressLines(progress, this.#channel))
    const now = systemClock.now()
    if (now - this.#loggedAt < LOG_EVERY_MS) return
    this.#loggedAt = now
    this.say(`  ${logLine(progress)}`)
  }

  #draw(lines: readonly string[]): void {
    this.#wipe()
    // Without line wrapping: in a narrow terminal a line would become two, and the next drawing would overwrite only one.
    this.#channel.write(`\x1b[?7l${lines.map((line) => `${line}\n`).join('')}\x1b[?7h`)
    this.#drawn = lines.length
  }

  #wipe(): void {
    if (this.#drawn > 0) this.#channel.write(`\x1b[${this.#drawn}A\x1b[J`)
    this.#drawn = 0
  }
}

function progressLines(
  { title, ms, ofMs, withLocks, tally, connections }: Progress,
  channel: Channel,
): string[] {
  const full = Math.min(Math.round((ms / ofMs) * BAR), BAR)
  const bar = channel.paint('cyan', '█'.repeat(full)) + channel.paint('dim', '░'.repeat(BAR - full))
  const first = `  ${bar}  ${seconds(ms)} of ${seconds(ofMs)}   ${title}`
  const second = `  ${thousands(tally.transfers)} transfers on ${connections} connections`
  if (!withLocks) return [first, second]
  return [
    first,
    `${second}, ${perSecond(tally.acquired, ms)} locks/s`,
    `  ${tally.held} locks held, ${thousands(tally.waiting)} callers waiting, p50 ${duration(tally.p50Ms)}, p99 ${duration(tally.p99Ms)}`,
  ]
}

function logLine({ ms, withLocks, tally, connections }: Progress): string {
  const head = `${seconds(ms)}: ${thousands(tally.transfers)} transfers`
  if (!withLocks) return `${head} on ${connections} connections`
  const locks = `${perSecond(tally.acquired, ms)} locks/s`
  return `${head}, ${locks}, ${tally.held} held, ${thousands(tally.waiting)} waiting on ${connections} connections`
}

/** What happened to the locks of the killed process. */
export function killLines(kill: Omit<KillOutcome, 'transfersAfter'>): string[] {
  const { worker, pid, locks, freedAfterMs, inheritedAfterMs } = kill
  const head = `  worker ${worker} (process ${pid}) killed with SIGKILL while it held ${locks} locks`
  if (freedAfterMs === null) return [head, '  they were not freed']
  const freed = `  they were free after ${moment(freedAfterMs)}`
  return inheritedAfterMs === null
    ? [head, freed]
    : [head, `${freed}, and another process had one after ${moment(inheritedAfterMs)}`]
}

/** The table at the end. */
export function summaryLines(outcome: DemoOutcome, channel: Channel): string[] {
  const { without, withLocks, peak, killed } = outcome
  const { tally } = withLocks
  const rows: (readonly [what: string, without: string, withLocks: string])[] = [
    ['', 'without locks', 'with lockpool'],
    ['transfers', rated(without), rated(withLocks)],
    ['money in the ledger', difference(without.missingCents), difference(withLocks.missingCents)],
    ['wrong accounts', wrongAccounts(without), wrongAccounts(withLocks)],
    ['  by', money(without.ledger.wrongCents), money(withLocks.ledger.wrongCents)],
    ['locks acquired', '', `${thousands(tally.acquired)}  (${perSecond(tally.acquired, withLocks.ms)}/s)`],
    ['  handed off', '', `${thousands(tally.handedOff)}, within a process`],
    ['wait for two locks', '', `p50 ${duration(tally.p50Ms)}, p99 ${duration(tally.p99Ms)}`],
    ['held and waiting, peak', '', `${peak.held} and ${thousands(peak.waiting)}`],
    ['connections, peak', '', `${peak.connections} of ${outcome.maxConnections}`],
    ['tokens out of order', '', `${withLocks.ledger.regressions} of ${thousands(withLocks.ledger.reads)}`],
    ['one process killed', '', `${killed.locks} locks, free after ${moment(killed.freedAfterMs)}`],
    ['  another process had one', '', `after ${moment(killed.inheritedAfterMs)}`],
  ]
  return rows.map(([what, left, right], row) => {
    const line = `  ${what.padEnd(25)}${left.padEnd(20)}${right}`.slice(0, WIDTH).trimEnd()
    return row === 0 ? channel.paint('dim', line) : line
  })
}

/** The conclusion. */
export function verdictLines(outcome: DemoOutcome, channel: Channel): string[] {
  const broken = brokenPromises(outcome)
  if (broken.length > 0) return broken.map((each) => channel.paint('red', `✗ ${each}`))
  const { processes, tasks, peak, without } = outcome
  const crowd = `${thousands(processes * tasks)} tasks in ${processes} processes`
  const kept = `✓ With lockpool, ${crowd} lost no money, on ${peak.connections} connections.`
  const { wrongAccounts: wrong, wrongCents } = without.ledger
  const lost =
    wrong === 0
      ? '  Without locks nothing was lost this time either, because no tasks met. Try again.'
      : `  Without locks ${thousands(wrong)} accounts were wrong after ${seconds(without.ms)}, by ${money(wrongCents)} in total.`
  return [channel.paint('green', kept), lost]
}

function rated({ tally, ms }: PartOutcome): string {
  return `${thousands(tally.transfers)}  (${perSecond(tally.transfers, ms)}/s)`
}

function difference(cents: number): string {
  if (cents === 0) return 'all of it'
  return cents < 0 ? `${money(-cents)} is missing` : `${money(cents)} too much`
}

function wrongAccounts({ ledger }: PartOutcome): string {
  return ledger.wrongAccounts === 0 ? 'none' : thousands(ledger.wrongAccounts)
}

function perSecond(count: number, ms: number): string {
  return thousands(ms === 0 ? 0 : (count / ms) * 1000)
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function moment(ms: number | null): string {
  return ms === null ? 'never' : duration(ms)
}

function duration(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`
  return ms >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`
}
