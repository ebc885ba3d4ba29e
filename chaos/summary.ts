import type { Verdict } from './check.js'

/** The maximum number of findings of a round that are printed: the rest are mostly of the same kind. */
const MOST_FINDINGS = 20

/** The result of a round, for people. */
export function summary(seed: number, flags: string, { findings, figures }: Verdict): string {
  const { asks, grants, handOffs, losses, guardedWrites, refusals, strikes } = figures
  const lines = [
    `round ${seed}: ${findings.length === 0 ? 'nothing found' : `${findings.length} FINDINGS`}`,
    `  ${grants} grants of ${asks} calls, ${handOffs} handed on, ${losses} lost, ${guardedWrites} guarded writes`,
    `  refused: ${counts(refusals)}`,
    `  strikes: ${counts(strikes)}`,
    `  take-overs after a silence: ${figures.takeOvers}, the slowest after ${Math.round(figures.worstTakeOverMs)} ms`,
  ]
  if (figures.excusedOverlaps > 0) {
    const worst = Math.round(figures.worstExcusedOverlapMs)
    lines.push(
      `  overlaps because the server freed the lock early: ${figures.excusedOverlaps}, at most ${worst} ms`,
    )
  }
  if (figures.excusedUpdates > 0)
    lines.push(`  writes on a value that a failover had undone: ${figures.excusedUpdates}`)
  for (const { kind, what } of findings.slice(0, MOST_FINDINGS)) lines.push(`  ! ${kind}: ${what}`)
  if (findings.length > 0) {
    lines.push(`  again: npm run chaos -- --minutes 1 --seed ${seed}${flags === '' ? '' : ` ${flags}`}`)
  }
  return lines.join('\n')
}

function counts(by: Readonly<Record<string, number>>): string {
  const entries = Object.entries(by).toSorted(([, a], [, b]) => b - a)
  return entries.length === 0 ? 'none' : entries.map(([name, count]) => `${count} ${name}`).join(', ')
}
