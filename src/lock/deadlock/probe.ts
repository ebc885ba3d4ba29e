import type { LockMode } from '../../dialect/lock-key.js'
import type { Step } from './framed-wait.js'

/** What goes from process to process: somebody's way along those who wait for each other, and where it goes on. */
export interface Probe {
  /** The wait it began at. */
  readonly from: string
  readonly round: number
  /** What the last on the way waits for. */
  readonly keyId: string
  readonly mode: LockMode
  readonly steps: readonly Step[]
}

/** Longer ways are not followed. */
export const MAX_STEPS = 16

/** A notification carries 7999 bytes; a few are for its head. */
export const MAX_PROBE_LENGTH = 7900

/** Of each name, in characters as they are sent. Sixteen steps of three names, ids and quotes stay within the limit. */
const NAME_BUDGET = 120

/** ASCII alone, because a database may have an encoding that lacks what a name has; null if it is too long to be sent. */
export function encodeProbe({ from, round, keyId, mode, steps }: Probe): string | null {
  const rows = steps.map(({ wait, process, holds, waitsFor }) => [
    wait,
    shorten(process),
    holds === null ? null : shorten(holds),
    shorten(waitsFor),
  ])
  const text = toAscii(JSON.stringify([from, round, keyId, mode, rows]))
  return text.length > MAX_PROBE_LENGTH || steps.length > MAX_STEPS ? null : text
}

/** Anybody may send one, so nothing is taken for granted: null if it is not understood. */
export function decodeProbe(text: string): Probe | null {
  if (text.length > MAX_PROBE_LENGTH) return null
  let parts: unknown
  try {
    parts = JSON.parse(text)
  } catch {
    return null
  }
  if (!Array.isArray(parts) || parts.length !== 5) return null
  const [from, round, keyId, mode, rows] = parts as unknown[]
  if (typeof from !== 'string' || typeof keyId !== 'string' || !Number.isSafeInteger(round)) return null
  if ((mode !== 'exclusive' && mode !== 'shared') || !Array.isArray(rows)) return null
  const steps = rows.map(decodeStep).filter((step) => step !== null)
  if (steps.length !== rows.length || steps.length === 0 || steps.length > MAX_STEPS) return null
  return { from, round: round as number, keyId, mode, steps }
}

function decodeStep(row: unknown): Step | null {
  if (!Array.isArray(row) || row.length !== 4) return null
  const [wait, process, holds, waitsFor] = row as unknown[]
  const isHold = holds === null || typeof holds === 'string'
  if (typeof wait !== 'string' || typeof process !== 'string' || !isHold || typeof waitsFor !== 'string')
    return null
  return { wait, process, holds, waitsFor }
}

function shorten(name: string): string {
  let spent = 0
  let short = ''
  for (const character of name) {
    spent += toAscii(JSON.stringify(character)).length - 2
    if (spent > NAME_BUDGET) return `${short}...`
    short += character
  }
  return name
}

function toAscii(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
