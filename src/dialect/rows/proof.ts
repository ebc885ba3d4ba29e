import { createHash } from 'node:crypto'

/**
 * Whether a notification about a given lock comes from a process that may read the member's secret, which the member's
 * row contains. Any role can send and receive notifications. A received proof is useless to it, because each token is
 * given once.
 */
export function isProof(
  secret: string | null,
  key: string,
  token: string,
  proof: string | undefined,
): boolean {
  if (secret === null || proof === undefined) return false
  return createHash('sha256').update(`${secret} ${key} ${token}`).digest('hex') === proof
}
