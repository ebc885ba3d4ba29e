import type { Span, Strike, Write } from '../history.js'
import { byKey, type Ask } from './asks.js'
import type { Finding } from './finding.js'

interface Granted extends Ask {
  readonly token: bigint
  readonly settledAt: number
}

/** Finds tokens that went back: a call that was made after a grant must get a larger token, in any process and mode. */
export function findTokenRegressions(asks: readonly Ask[]): Finding[] {
  const granted = asks.filter((ask): ask is Granted => ask.token !== null && ask.settledAt !== null)
  return [...byKey(granted).values()].flatMap(regressionsOf)
}

function regressionsOf(granted: readonly Granted[]): Finding[] {
  const findings: Finding[] = []
  const asked = granted.toSorted((a, b) => a.askedAt - b.askedAt)
  const settled = granted.toSorted((a, b) => a.settledAt - b.settledAt)
  let highest: Granted | null = null
  let next = 0
  for (const ask of asked) {
    for (; settled[next]!.settledAt < ask.askedAt; next++) {
      if (highest === null || settled[next]!.token > highest.token) highest = settled[next]!
    }
    if (highest === null || ask.token > highest.token) continue
    const { key, token, id } = ask
    findings.push({
      kind: 'token-regression',
      what: `${id} was granted key ${key} with token ${token}, after ${highest.id} had ${highest.token}`,
    })
  }
  return [...findings, ...repetitionsOf(granted)]
}

/**
 * Finds tokens that were given twice. A writer's token must be unique. Readers that come together may share one, but
 * only with readers.
 */
function repetitionsOf(granted: readonly Granted[]): Finding[] {
  const firsts = new Map<bigint, Granted>()
  const findings: Finding[] = []
  for (const ask of granted) {
    const first = firsts.get(ask.token)
    if (first === undefined) firsts.set(ask.token, ask)
    else if (first.mode === 'exclusive' || ask.mode === 'exclusive') {
      findings.push({
        kind: 'token-regression',
        what: `${first.id} and ${ask.id} were both granted key ${ask.key} with token ${ask.token}`,
      })
    }
  }
  return findings
}

/** A write to the guarded row that should not have happened, and whether a failover alone explains it. */
export interface BadWrite extends Finding {
  readonly isExcused: boolean
}

/**
 * Checks the writes that reached the guarded row, in the order of the server, as far as they survived: tokens never
 * decrease, each token belongs to one holder, and no holder wrote on the basis of an outdated value. Only an outdated
 * value can be excused: the value may have been undone in between without another holder, so that the token is still
 * the largest.
 */
export function findBadWrites(
  writes: readonly Write[],
  asks: readonly Ask[],
  strikes: readonly Strike[],
): BadWrite[] {
  const byId = new Map(asks.map((ask) => [ask.id, ask]))
  const forgetting = strikes.filter(({ forgets }) => forgets)
  return [...byKey(writes).values()].flatMap((ofKey) =>
    ofKey.slice(1).flatMap((write, i) => {
      const ask = byId.get(write.ask)
      return badWrite(
        ofKey[i]!,
        write,
        ask !== undefined && forgetting.some((strike) => isAcross(ask, strike)),
      )
    }),
  )
}

function badWrite(before: Write, write: Write, mayHaveReadForgotten: boolean): BadWrite[] {
  const findings: BadWrite[] = []
  const pair = `${write.ask} (token ${write.token}) after ${before.ask} (token ${before.token}) on key ${write.key}`
  const isDouble = write.token === before.token && write.ask !== before.ask
  if (write.token < before.token || isDouble)
    findings.push({ kind: 'stale-write', what: pair, isExcused: false })
  if (write.value !== before.value + 1) {
    const what = `${pair}: ${before.value} was followed by ${write.value}`
    findings.push({ kind: 'lost-update', what, isExcused: mayHaveReadForgotten })
  }
  return findings
}

/** Whether the call got its lock before the strike and wrote after it. */
function isAcross({ settledAt, usedUntil }: Ask, { from, to }: Span): boolean {
  return settledAt !== null && settledAt <= to && (usedUntil ?? Infinity) >= from
}
