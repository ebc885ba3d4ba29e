import { createHash } from 'node:crypto'

/**
 * Whether a notification that a member was given a lock comes from a process that may read the secret of that member, which
 * others wrote in the transaction that gave it. Any role can send notifications, and hear them: what it heard is of no use to
 * it, because a token is given once.
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
