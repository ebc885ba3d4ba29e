import type { Strike } from '../history.js'

/** Whether a strike hit this process, or the front that it locks through. */
export function concerns(
  { process: hit }: Strike,
  { process, behind }: { readonly process: string; readonly behind: string | null },
): boolean {
  if (hit === null) return false
  return hit === process || (behind !== null && hit.split('.')[0] === behind)
}
