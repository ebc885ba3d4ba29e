/** One figure of one entrant. */
export interface Point {
  readonly entrant: string
  /** Callers, locks held, or processes. */
  readonly x: number
  readonly y: number
}
