import { printable } from '../../base/printable.js'
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

/** In bytes: what can be told. */
export const MAX_PROBE_BYTES = 5900

/** Of each name, in bytes as they are sent. Sixteen steps of three names, ids and quotes stay within the limit. */
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

/** Another version may send one, so nothing is taken for granted: null if it is not understood. What it says is shown to people. */
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
