import type { LockMode } from '../../dialect/lock-key.js'

/** A lock that is held in this process. `frame` is the body that holds it, if known. */
export interface Hold {
  readonly frame: { readonly waits: ReadonlySet<object> | null } | null
}

/** A waiter for a key, inside a body that holds another. */
export interface Wait {
  readonly mode: LockMode
  readonly place: Place
  /** Its own lock on this key, in the other mode: it does not wait for that. */
  readonly held?: Hold | null
  /** The waiters for this key that came before it, and those that came after it. */
  readonly inQueue: { readonly mode: LockMode }
}

/** One key, as this process knows it: its entry. */
export interface Place {
  readonly mode: LockMode
  readonly holders: readonly Hold[]
  readonly queue: Iterable<{ readonly mode: LockMode }>
}

/** How a wait was reached: the body that waits holds `hold`, for which `previous` waits. */
export interface Reached<W extends Wait, H extends Hold> {
  readonly wait: W
  readonly hold: H
  readonly previous: Reached<W, H> | null
}

/** The local holders of a key that keep `mode` out. */
export function holdersAgainst<H extends Hold>(
  place: Place & { readonly holders: readonly H[] },
  mode: LockMode,
): readonly H[] {
  return mode === 'exclusive' || place.mode === 'exclusive' ? place.holders : []
}

/** The local holders for which a waiter waits: those of its `place`. */
export function blockersOf<H extends Hold>(
  place: Place & { readonly holders: readonly H[] },
  wait: Wait,
): readonly H[] {
  const holders = holdersAgainst(place, wantedMode(wait))
  return wait.held ? holders.filter((hold) => hold !== wait.held) : holders
}

/** A reader behind a writer waits for everything the writer waits for. */
export function wantedMode(wait: Wait): LockMode {
  if (wait.mode === 'exclusive') return 'exclusive'
  for (const ahead of wait.place.queue) {
    if (ahead === wait.inQueue) return 'shared'
    if (ahead.mode === 'exclusive') return 'exclusive'
  }
  return 'shared'
}

/** Whether other processes may hold it as well, or instead. */
export function mayBeHeldElsewhere(place: Place): boolean {
  return place.holders.length === 0 || place.mode === 'shared'
}

/**
 * All waits that must end before the locks `from` are released, as far as this process knows: those inside their bodies,
 * those inside the bodies of the locks these wait for, and so on. The nearest come first, so the first path to any wait
 * is a shortest one. `mayEnter` is called once for each path to a wait, and must not accept the same wait twice.
 */
export function* reachable<W extends Wait, H extends Hold>(
  from: readonly H[],
  mayEnter: (reached: Reached<W, H>) => boolean,
): Generator<Reached<W, H>> {
  const seen = new Set<H>()
  const line: Reached<W, H>[] = []
  const add = (holds: readonly H[], previous: Reached<W, H> | null): void => {
    for (const hold of holds) {
      if (seen.has(hold)) continue
      seen.add(hold)
      const waits = (hold.frame?.waits ?? []) as Iterable<W>
      for (const wait of waits) line.push({ wait, hold, previous })
    }
  }
  add(from, null)
  // The loop adds to the queue that it visits.
  for (const reached of line) {
    if (!mayEnter(reached)) continue
    yield reached
    const { wait } = reached
    add(blockersOf(wait.place as Place & { readonly holders: readonly H[] }, wait), reached)
  }
}

/** The path from the first wait to this one. */
export function pathTo<W extends Wait, H extends Hold>(reached: Reached<W, H>): Reached<W, H>[] {
  const way: Reached<W, H>[] = []
  for (let step: Reached<W, H> | null = reached; step !== null; step = step.previous) way.push(step)
  return way.toReversed()
}
