import type { Tally } from './tally.js'

/** The ledger, as the server reports it. */
export interface LedgerState {
  readonly cents: number
  /** How often an account was read, each time with a token. */
  readonly reads: number
  /** Tokens that were not greater than the one before. */
  readonly regressions: number
  /** Accounts whose balance differs from the sum of their transfers, and by how much in total. */
  readonly wrongAccounts: number
  readonly wrongCents: number
}

/** One part of the demo: the tasks worked for a while, in one way. */
export interface PartOutcome {
  readonly tally: Tally
  readonly ms: number
  /** The money in the ledger minus the expected amount. */
  readonly missingCents: number
  readonly ledger: LedgerState
}

export interface KillOutcome {
  readonly worker: number
  readonly pid: number
  readonly atMs: number
  /** Locks that the server had for it at that moment. */
  readonly locks: number
  /** How long until the server had freed them; null if it did not. */
  readonly freedAfterMs: number | null
  /** How long until another process had one of them; null if none was seen with one. */
  readonly inheritedAfterMs: number | null
  /** Transfers of the other processes since then. */
  readonly transfersAfter: number
}

/** The results of the demo. */
export interface DemoOutcome {
  readonly version: 1
  readonly server: string
  readonly processes: number
  readonly tasks: number
  readonly accounts: number
  /** The limit for open connections. */
  readonly maxConnections: number
  readonly without: PartOutcome
  readonly withLocks: PartOutcome
  readonly killed: KillOutcome
  /** The largest values that were seen at one time. */
  readonly peak: { readonly connections: number; readonly held: number; readonly waiting: number }
}

/** Pure: the promises that did not hold, in words. */
export function brokenPromises({ withLocks, killed, peak, maxConnections }: DemoOutcome): string[] {
  const broken: string[] = []
  const { missingCents, ledger, tally } = withLocks
  if (missingCents !== 0) broken.push(`with locks, the ledger has ${money(missingCents)} too much`)
  if (ledger.wrongAccounts > 0) {
    broken.push(
      `with locks, ${ledger.wrongAccounts} accounts are wrong, by ${money(ledger.wrongCents)} in total`,
    )
  }
  if (tally.refused > 0) {
    broken.push(`${tally.refused} writes were refused, although the locks for them were held`)
  }
  if (ledger.regressions > 0) {
    broken.push(`${ledger.regressions} fencing tokens were not greater than the one before`)
  }
  if (tally.lost > 0) broken.push(`${tally.lost} locks were lost by processes that were not killed`)
  if (killed.freedAfterMs === null) broken.push('the locks of the process that was killed were not freed')
  if (killed.transfersAfter === 0) broken.push('no process continued after one was killed')
  if (peak.connections === 0)
    broken.push('the server showed none of the connections, so they could not be counted')
  if (peak.connections > maxConnections) {
    broken.push(`${peak.connections} connections were open, at most ${maxConnections} may be`)
  }
  return broken
}

/** `-1,234.56` */
export function money(cents: number): string {
  const size = Math.abs(cents)
  const whole = thousands(Math.floor(size / 100))
  return `${cents < 0 ? '-' : ''}${whole}.${String(size % 100).padStart(2, '0')}`
}

export function thousands(count: number): string {
  return String(Math.round(count)).replaceAll(/\B(?=(\d{3})+$)/g, ',')
}
