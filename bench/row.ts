import { ratios, spread, type Spread } from './measure.js'

/** A condition on our median, or on its ratio to the median of the reference. */
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
  /** Our figure divided by that of the reference. */
  readonly ratio: Spread | null
  /** Null for a row that only informs. */
  readonly target: Target | null
  readonly isMet: boolean
  readonly notes: readonly string[]
}

/** What a group needs to measure its rows. */
export interface Bench {
  readonly url: string
  readonly rounds: number
  /** The time for which each side is measured in one round. */
  readonly seconds: number
  /** Reports progress to a person who watches. */
  readonly say: (what: string) => void
}

/** Rows that are measured together. */
export interface Group {
  readonly name: string
  /** True for a group that takes long. It runs only if `--only` names it. */
  readonly isOnlyWhenNamed?: boolean
  /** Additional settings of the server, if the benchmark starts it. */
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

/** A row of our own figures, from one measurement or from several rounds. */
export function alone({ what, unit, ours, target, notes = [] }: Measured): Row {
  const figure = spread(ours)
  const isMet = isMetBy(target, figure, null)
  return { what, unit, ours: figure, reference: null, ratio: null, target: target ?? null, isMet, notes }
}

/** A row of rounds that are measured in turn with the rounds of a reference. */
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
