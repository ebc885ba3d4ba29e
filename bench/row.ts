import { ratios, spread, type Spread } from './measure.js'

/** What has to be true of our figure, or of its ratio to the reference. Medians are judged. */
export interface Target {
  readonly of: 'ours' | 'ratio'
  readonly is: 'at least' | 'at most'
  readonly limit: number
}

/** One line of the table. */
export interface Row {
  readonly what: string
  readonly unit: string
  readonly ours: Spread
  readonly reference: { readonly name: string; readonly figure: Spread } | null
  /** Ours over the reference. */
  readonly ratio: Spread | null
  /** Null for what is shown because it is good to know. */
  readonly target: Target | null
  readonly isMet: boolean
  readonly notes: readonly string[]
}

/** What a group of rows is measured with. */
export interface Bench {
  readonly url: string
  readonly rounds: number
  /** How long one side is measured in one round. */
  readonly seconds: number
  /** Progress, for somebody who watches. */
  readonly say: (what: string) => void
}

/** Rows that are measured together. */
export interface Group {
  readonly name: string
  /** For what takes long: it is no part of a run of everything. */
  readonly isOnlyWhenNamed?: boolean
  /** What the server needs for it beyond the usual, if it is one that is started for the benchmark. */
  readonly serverSettings?: Readonly<Record<string, number>>
  readonly run: (bench: Bench) => Promise<readonly Row[]>
}

interface Measured {
  readonly what: string
  readonly unit: string
  readonly ours: readonly number[]
  readonly target?: Target
  readonly notes?: readonly string[]
}

/** A row of our own figures: of one measurement, or of several rounds. */
export function alone({ what, unit, ours, target, notes = [] }: Measured): Row {
  const figure = spread(ours)
  const isMet = isMetBy(target, figure, null)
  return { what, unit, ours: figure, reference: null, ratio: null, target: target ?? null, isMet, notes }
}

/** A row of rounds measured in turn with those of a reference. */
export function compared({
  what,
  unit,
  ours,
  reference,
  target,
  notes = [],
}: Measured & { readonly reference: { readonly name: string; readonly figures: readonly number[] } }): Row {
  const figure = spread(ours)
  const ratio = spread(ratios(ours, reference.figures))
  return {
    what,
    unit,
    ours: figure,
    reference: { name: reference.name, figure: spread(reference.figures) },
    ratio,
    target: target ?? null,
    isMet: isMetBy(target, figure, ratio),
    notes,
  }
}

function isMetBy(target: Target | undefined, ours: Spread, ratio: Spread | null): boolean {
  if (target === undefined) return true
  const judged = target.of === 'ours' ? ours.median : ratio!.median
  return target.is === 'at least' ? judged >= target.limit : judged <= target.limit
}
