import type { Clock } from '../base/clock.js'
import { Durations } from './durations.js'
import type { HistoryJson, QuantilesJson } from './state-json.js'

export const SLOT_MS = 5000
/** A quarter of an hour. */
const SLOTS = 180

/** The amounts at one moment. */
export interface Amounts {
  readonly held: number
  readonly waiting: number
  readonly connections: number
}

interface Slot {
  readonly number: number
  readonly amounts: Amounts | null
  readonly waits: Quantiles
  readonly holds: Quantiles
}

type Quantiles = readonly [p50: number | null, p95: number | null, p99: number | null]

/**
 * The last quarter of an hour, in slots of five seconds. It has no timer: the next event ends a slot. A slot without events
 * and without requests is a gap.
 */
export class History {
  readonly #clock: Clock
  readonly #slots: Slot[] = []
  readonly #waits = new Durations()
  readonly #holds = new Durations()
  #number: number
  #amounts: Amounts | null = null

  constructor(clock: Clock) {
    this.#clock = clock
    this.#number = this.#now()
  }

  /** Whether the amounts of this slot are still missing. */
  get isDue(): boolean {
    this.#roll()
    return this.#amounts === null
  }

  /** Sets the amounts of this slot; null if they are unknown. */
  amounts(amounts: Amounts | null): void {
    this.#roll()
    this.#amounts = amounts
  }

  waited(ms: number): void {
    this.#roll()
    this.#waits.record(ms)
  }

  held(ms: number): void {
    this.#roll()
    this.#holds.record(ms)
  }

  json(of: HistoryJson['of'], maxConnections: number | null): HistoryJson {
    this.#roll()
    const slots = this.#withGaps([...this.#slots, this.#finished()])
    return {
      of,
      everyMs: SLOT_MS,
      spanMs: SLOTS * SLOT_MS,
      at: slots.map(({ number }) => number * SLOT_MS),
      held: slots.map(({ amounts }) => amounts?.held ?? null),
      waiting: slots.map(({ amounts }) => amounts?.waiting ?? null),
      connections: slots.map(({ amounts }) => amounts?.connections ?? null),
      maxConnections,
      waits: columns(slots.map(({ waits }) => waits)),
      holds: columns(slots.map(({ holds }) => holds)),
    }
  }

  #now(): number {
    return Math.floor(this.#clock.instant().wall / SLOT_MS)
  }

  /** Stores the slot that is over. A clock that is set back makes one slot longer. */
  #roll(): void {
    const now = this.#now()
    if (now <= this.#number) return
    const slot = this.#finished()
    if (slot.amounts !== null || this.#waits.total + this.#holds.total > 0) this.#slots.push(slot)
    const oldest = now - SLOTS
    const gone = this.#slots.findIndex(({ number }) => number > oldest)
    this.#slots.splice(0, gone < 0 ? this.#slots.length : gone)
    this.#waits.clear()
    this.#holds.clear()
    this.#amounts = null
    this.#number = now
  }

  #finished(): Slot {
    return {
      number: this.#number,
      amounts: this.#amounts,
      waits: quantiles(this.#waits),
      holds: quantiles(this.#holds),
    }
  }

  /** One empty slot for each gap, however long, so that no line is drawn over it. */
  #withGaps(slots: readonly Slot[]): Slot[] {
    return slots.flatMap((slot, i) => {
      const before = slots[i - 1]
      if (before === undefined || before.number === slot.number - 1) return [slot]
      return [{ number: before.number + 1, amounts: null, waits: NONE, holds: NONE }, slot]
    })
  }
}

const NONE: Quantiles = [null, null, null]

function quantiles(durations: Durations): Quantiles {
  return [durations.quantile(0.5), durations.quantile(0.95), durations.quantile(0.99)]
}

function columns(rows: readonly Quantiles[]): QuantilesJson {
  const column = (at: 0 | 1 | 2): (number | null)[] =>
    rows.map((row) => (row[at] === null ? null : Number(row[at].toPrecision(3))))
  return { p50: column(0), p95: column(1), p99: column(2) }
}
