/** One figure of one entrant. */
export interface Point {
  readonly entrant: string
  /** The number of callers, of held locks, or of processes. */
  readonly x: number
  readonly y: number
}
