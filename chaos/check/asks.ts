import type { LockMode } from '../../src/dialect/lock-key.js'
import type { Life, Moment } from '../history.js'

/** One call of `acquire` from its start to its end, as far as it got. */
export interface Ask {
  readonly id: string
  readonly process: string
  /** See `Life`. */
  readonly behind: string | null
  readonly key: string
  readonly mode: LockMode
  readonly withinMs: number
  readonly askedAt: Moment
  /**
   * When the call was granted or refused, or the process was killed. Null if it was still waiting at the end of the
   * run.
   */
  settledAt: Moment | null
  /** How the call was answered. Null if the process was killed before the answer. */
  code: string | null
  token: bigint | null
  /** `lock.state` was `held` from here ... */
  heldFrom: Moment | null
  /** ... to here at least. */
  heldUntil: Moment | null
  /** When it released the lock, learned that the lock was lost, or was killed. */
  endedAt: Moment | null
  /** When it last used the resource that the lock protects, whether or not the lock was lost. */
  usedUntil: Moment | null
  isLost: boolean
}

/** A call that was granted, and whose lock the application saw as held. */
export interface Hold extends Ask {
  readonly heldFrom: Moment
  readonly heldUntil: Moment
}

/** All calls, in the order in which they were made. */
export function readAsks(lives: readonly Life[]): Ask[] {
  return lives.flatMap(readLife).toSorted((a, b) => a.askedAt - b.askedAt)
}

function readLife({ process, behind, events, endedAt }: Life): Ask[] {
  const asks = new Map<string, Ask>()
  for (const event of events) {
    if (event.what === 'asked') {
      const { ask: id, key, mode, withinMs, at } = event
      asks.set(id, {
        ...UNSETTLED,
        id,
        process,
        behind: behind ?? null,
        key,
        mode,
        withinMs: withinMs ?? Infinity,
        askedAt: at,
      })
    } else if ('ask' in event) follow(asks.get(event.ask)!, event)
  }
  for (const ask of asks.values()) {
    ask.settledAt ??= endedAt
    if (ask.heldFrom !== null) ask.endedAt ??= endedAt
    ask.usedUntil ??= endedAt
  }
  return [...asks.values()]
}

const UNSETTLED = {
  settledAt: null,
  code: null,
  token: null,
  heldFrom: null,
  heldUntil: null,
  endedAt: null,
  usedUntil: null,
  isLost: false,
} as const

type AskEvent = Extract<Life['events'][number], { readonly ask: string }>

function follow(ask: Ask, event: AskEvent): void {
  const { at } = event
  switch (event.what) {
    case 'asked':
      return
    case 'granted':
      ask.settledAt = at
      ask.code = 'GRANTED'
      ask.token = event.token === null ? null : BigInt(event.token)
      return
    case 'held':
      ask.heldFrom ??= at
      ask.heldUntil = at
      return
    case 'releasing':
      ask.usedUntil = at
      ask.endedAt ??= at
      return
    case 'released':
      ask.endedAt ??= at
      return
    case 'lost':
      ask.endedAt ??= at
      ask.isLost = true
      return
    case 'refused':
      ask.settledAt = at
      ask.code = event.code
  }
}

export function isHold(ask: Ask): ask is Hold {
  return ask.heldFrom !== null
}

/** Groups things by key, in the given order. */
export function byKey<T extends { readonly key: string }>(things: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const thing of things) {
    const group = groups.get(thing.key)
    if (group === undefined) groups.set(thing.key, [thing])
    else group.push(thing)
  }
  return groups
}
