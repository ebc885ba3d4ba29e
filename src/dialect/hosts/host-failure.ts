import { ConnectionError, LockError } from '../../base/errors.js'
import type { HostList } from './host-list.js'
import { SOON_MS, type Host } from './host.js'
import type { Outcome } from './host-race.js'

/** How a dialect speaks of hosts and of their errors. */
export interface HostWords {
  readonly hostInWords: (host: Host) => string
  readonly explain: (error: unknown) => LockError
}

/**
 * The error for a race that found no suitable server. For a single address of a single host, it is that server's own
 * error; otherwise it lists every host with its answer.
 */
export function hostFailure(list: HostList, outcomes: readonly Outcome[], words: HostWords): unknown {
  if (list.hosts.length === 1) {
    const errors = outcomes.filter(({ role }) => role === null).map(({ error }) => error)
    if (outcomes.length === 1 && errors.length === 1) return errors[0]
    if (errors.length === outcomes.length && errors.length > 0) return allOf(errors)
  }
  const what = list.target === 'read-write' ? 'writable primary' : 'primary'
  const who = list.hosts.length === 1 ? 'the host is no' : `none of ${list.hosts.length} hosts is a`
  const failures = outcomes.map(({ error }) => error).filter((error) => error !== null)
  return new ConnectionError(`${who} ${what}: ${inWords(outcomes, words)}`, {
    cause: failures.length === 0 ? undefined : new AggregateError(failures, 'the answers of the hosts'),
    // A standby is worth another attempt: a failover may make it the primary.
    retryable: outcomes.some(({ role, error }) => role !== null || words.explain(error).retryable),
    retryAfterMs: outcomes.some((outcome) => isInChange(outcome, words)) ? SOON_MS : null,
  })
}

/** Whether a host has answered in a way that promises a primary soon: it is a standby, or it starts or stops. */
export function isInChange({ role, error }: Pick<Outcome, 'role' | 'error'>, words: HostWords): boolean {
  if (role !== null) return true
  if (error === null) return false
  const explained = words.explain(error)
  return explained instanceof ConnectionError && explained.retryAfterMs !== null
}

/** Formats every host with its answer so far. */
export function inWords(outcomes: readonly Outcome[], words: HostWords): string {
  return outcomes
    .map((outcome) => `${placeInWords(outcome, words)} ${saidInWords(outcome, words)}`)
    .join('; ')
}

function placeInWords({ place: { host, address } }: Outcome, words: HostWords): string {
  const name = words.hostInWords(host)
  return address === null || address === host.host ? name : `${name} (${address})`
}

function saidInWords({ error, role, isHeard }: Outcome, { explain }: HostWords): string {
  if (role === 'standby') return 'is a read-only standby'
  if (role === 'read-only') return 'is a primary whose sessions only read (default_transaction_read_only)'
  if (role === 'primary') return 'is the primary'
  if (error === null) return isHeard ? 'has not let us in yet' : 'says nothing'
  const { message } = error instanceof LockError ? error : explain(error)
  return `says: ${message}`
}

/**
 * Builds the same error as Node for a name with several addresses: an AggregateError, with the code that all errors
 * share.
 */
function allOf(errors: readonly unknown[]): Error {
  const codes = new Set(errors.map((error) => (error as { code?: unknown } | null)?.code))
  const all = new AggregateError(errors)
  return codes.size === 1 ? Object.assign(all, { code: [...codes][0] }) : all
}
