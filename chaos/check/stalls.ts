import type { History, Life, Moment, Span } from '../history.js'

/** How often a process counts, whatever happens. If it is much longer, the process has not run in between. */
const COUNT_MS = 500

/** Two looks at the server further apart than this: it was late, or the machine was. */
const LONGEST_LOOK_MS = 500

/** When a process did not run, by its own counting. */
export function stallsOf(events: Life['events']): Span[] {
  const counts = events.filter(({ what }) => what === 'counted')
  return counts.slice(1).flatMap(({ at }, i) => {
    const from = counts[i]!.at + COUNT_MS
    return at - from > COUNT_MS ? [{ from, to: at }] : []
  })
}

/**
 * When the machine was too busy for what it had to do, apart from all faults: a process did not run that no fault had stopped,
 * or the server answered late. How long things may take is then longer by that.
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
 * Calm begins later where the machine was busy after the fault before it. A time in which leases can have run out is a fault of
 * its own: then it takes a lease, a connection attempt and a poll until nothing of it is felt any more.
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

/** What the spans have of another one. Each moment counts once. */
export function overlapMs(spans: readonly Span[], { from, to }: Span): number {
  let sum = 0
  for (const span of united(spans)) sum += Math.max(Math.min(span.to, to) - Math.max(span.from, from), 0)
  return sum
}

/** Without the parts that they have in common. */
function united(spans: readonly Span[]): Span[] {
  const all: { from: number; to: number }[] = []
  for (const { from, to } of spans.toSorted((a, b) => a.from - b.from)) {
    const last = all.at(-1)
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to)
    else all.push({ from, to })
  }
  return all
}
