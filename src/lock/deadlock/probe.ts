import { printable } from '../../base/printable.js'
import type { LockMode } from '../../dialect/lock-key.js'
import type { Step } from './framed-wait.js'

/** A message from process to process: a path along callers that wait for each other, and where it continues. */
export interface Probe {
  /** The wait at which it began. */
  readonly from: string
  readonly round: number
  /** What the last waiter of the path waits for. */
  readonly keyId: string
  readonly mode: LockMode
  readonly steps: readonly Step[]
}

/** Longer paths are not followed. */
export const MAX_STEPS = 16

/** The limit of a message, in bytes. */
export const MAX_PROBE_BYTES = 5900

/** The limit of each name, in bytes as sent. Sixteen steps of three names, ids and quotes stay within the limit. */
const NAME_BUDGET = 100

/** Null if it is too long to be sent. */
export function encodeProbe({ from, round, keyId, mode, steps }: Probe): string | null {
  const rows = steps.map(({ wait, process, holds, waitsFor }) => [
    wait,
    shorten(process),
    holds === null ? null : shorten(holds),
    shorten(waitsFor),
  ])
  const text = JSON.stringify([from, round, keyId, mode, rows])
  return Buffer.byteLength(text) > MAX_PROBE_BYTES || steps.length > MAX_STEPS ? null : text
}

/**
 * Another version may have sent it, so every field is checked: null if it is not understood. Its names are shown to
 * people.
 */
export function decodeProbe(text: string): Probe | null {
  if (text.length > MAX_PROBE_BYTES) return null
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
  return { wait, process: printable(process), holds, waitsFor }
}

function shorten(name: string): string {
  let spent = 0
  let short = ''
  for (const character of name) {
    spent += Buffer.byteLength(JSON.stringify(character)) - 2
    if (spent > NAME_BUDGET) return `${short}...`
    short += character
  }
  return name
}
