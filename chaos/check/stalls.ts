import type { History, Life, Moment, Span } from '../history.js'

/** How often a process counts in any case. If there is much more time between two counts, the process did not run. */
const COUNT_MS = 500

/** If there is more time between two looks at the server, the server or the machine was late. */
const LONGEST_LOOK_MS = 500

/** The spans in which a process did not run, by its own counts. */
export function stallsOf(events: Life['events']): Span[] {
  const counts = events.filter(({ what }) => what === 'counted')
  return counts.slice(1).flatMap(({ at }, i) => {
    const from = counts[i]!.at + COUNT_MS
    return at - from > COUNT_MS ? [{ from, to: at }] : []
  })
}

/**
 * The spans in which the machine was too busy, apart from all faults: a process did not run although no fault had stopped it,
 * or the server answered late. Every time limit is extended by these spans.
 */
export function busySpans({ lives, sightings, strikes }: History): Span[] {
  const stopped = strikes.filter(({ isPause }) => isPause)
  const isStopped = (process: string, { from, to }: Span): boolean =>
    stopped.some((strike) => strike.process === process && strike.from < to && strike.to > from)
  const processes = lives.flatMap(({ process, events }) =>
    stallsOf(events).filter((stall) => !isStopped(process, stall)),
  )
  const looks = sightings.slice(1).flatMap(({ at }, i): Span[] => {
    const from = sightings[i]!.at + LONGEST_LOOK_MS
    return at > from ? [{ from, to: at }] : []
  })
  return united([...processes, ...looks])
}

/**
 * Calm begins later if the machine was busy after the fault before it. A busy span in which leases can run out counts as a
 * fault: its effects last for a lease, a connection attempt and a poll.
 */
export function settledCalms({ calms, strikes, leaseMs }: History, busy: readonly Span[]): Span[] {
  const outages = busy.filter(({ from, to }) => to - from >= leaseMs / 2)
  const echoMs = leaseMs * (5 / 3) + 3000
  let settled = calms.map(({ from, to }) => ({
    from: from + overlapMs(busy, { from: lastFaultBefore(from, strikes), to: from }),
    to,
  }))
  for (const { from, to } of outages)
    settled = settled.flatMap((calm) => without(calm, { from, to: to + echoMs }))
  return settled.filter(({ from, to }) => to > from)
}

function without({ from, to }: Span, outage: Span): Span[] {
  if (outage.to <= from || outage.from >= to) return [{ from, to }]
  return [
    { from, to: Math.max(outage.from, from) },
    { from: Math.min(outage.to, to), to },
  ]
}

function lastFaultBefore(at: Moment, strikes: History['strikes']): Moment {
  return Math.max(...strikes.map(({ to }) => to).filter((to) => to <= at), 0)
}

/** How much of the span the others cover. Each moment counts once. */
export function overlapMs(spans: readonly Span[], { from, to }: Span): number {
  let sum = 0
  for (const span of united(spans)) sum += Math.max(Math.min(span.to, to) - Math.max(span.from, from), 0)
  return sum
}

/** Merges spans that overlap. */
function united(spans: readonly Span[]): Span[] {
  const all: { from: number; to: number }[] = []
  for (const { from, to } of spans.toSorted((a, b) => a.from - b.from)) {
    const last = all.at(-1)
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to)
    else all.push({ from, to })
  }
  return all
}
