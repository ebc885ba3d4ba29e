/** Every way in which a run can fall short of what was promised. `docs/reference/testing.md` says what each means. */
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
