export type CheckStatus = 'ok' | 'warning' | 'failure'

/** The result of one check. */
export interface Check {
  readonly name: string
  readonly status: CheckStatus
  readonly text: string
  /** What to do; null where nothing has to be done. */
  readonly advice: string | null
}

/** A check's result without its name, which is in the table. */
export type Verdict = Omit<Check, 'name'>

export function ok(text: string): Verdict {
  return { status: 'ok', text, advice: null }
}

export function warning(text: string, advice: string): Verdict {
  return { status: 'warning', text, advice }
}

export function failure(text: string, advice: string): Verdict {
  return { status: 'failure', text, advice }
}
