import type { RoundResult } from './round.js'

const MOST_FINDINGS = 20

/** The result of a round, for people. */
export function summary(number: number, means: string, result: RoundResult): string {
  const { fault, isStrict, timings, findings, figures, before, after, steps, told } = result
  const lines = [
    `round ${number}, ${isStrict ? 'strict' : 'plain'}, ${fault} (${means}): ${findings.length === 0 ? 'nothing found' : `${findings.length} FINDINGS`}`,
    `  Patroni: ${steps.join('; ')}`,
    `  before ${clusterInWords(before)}; after ${clusterInWords(after)}`,
    `  the database was away for ${seconds(timings.databaseAwayMs)}, and back ${seconds(timings.databaseBackMs)} after the fault`,
    `  without grants for ${seconds(timings.withoutGrantsMs)}; the first ${seconds(timings.firstGrantAfterMs)} after the database was back`,
    `  the holder learned of its loss after ${seconds(timings.holderToldMs)}; its lock was granted again after ${seconds(timings.longGrantedMs)}`,
    `  the caller who waited longest once locks were granted again: ${seconds(timings.slowestCallerMs)}`,
    `  ${figures.grants} grants, ${figures.losses} lost, ${timings.refused} refused, ${timings.twoPrimaries} writes of the old primary after those of a new one`,
    ...(figures.excusedOverlaps === 0
      ? []
      : [
          `  ${figures.excusedOverlaps} overlaps that plain mode allows, while the server stopped, of at most ${figures.worstExcusedOverlapMs.toFixed(1)} ms`,
        ]),
    ...told.map((line) => `  told ${line}`),
    ...findings.slice(0, MOST_FINDINGS).map(({ kind, what }) => `  ! ${kind}: ${what}`),
  ]
  return lines.join('\n')
}

function clusterInWords(members: RoundResult['before']): string {
  return members
    .map(({ name, role, timeline }) => `${name} ${role}${timeline === undefined ? '' : ` (${timeline})`}`)
    .join(', ')
}

function seconds(ms: number | null): string {
  return ms === null ? '-' : `${(ms / 1000).toFixed(1)} s`
}
