/** The ways in which a run can break a promise. `docs/reference/testing.md` explains each. */
export type FindingKind =
  | 'overlap'
  | 'token-regression'
  | 'stale-write'
  | 'lost-update'
  | 'lost-wake-up'
  | 'lost-grant'
  | 'outlived-deadline'
  | 'slow-take-over'
  | 'unknown-error'
  | 'unhandled'
  | 'did-not-exit'
  | 'crashed'
  | 'leak'

export interface Finding {
  readonly kind: FindingKind
  /** What happened, in words, with the names of the calls concerned. */
  readonly what: string
}
