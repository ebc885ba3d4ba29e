import { readFileSync } from 'node:fs'
import { EmbeddedPostgresError } from './embedded-postgres-error.js'

/** A user of the operating system. */
export interface SystemAccount {
  readonly userId: number
  readonly groupId: number
}

/** The accounts that may run a server for root, best first. Debian and macOS have different names for the first. */
const CANDIDATES = ['postgres', '_postgres', 'nobody']

/**
 * The account that must run the server: PostgreSQL refuses root, and most containers run as root. Null means this user.
 *
 * @throws {EmbeddedPostgresError} `ACCOUNT_MISSING`.
 */
export function findSystemAccount(): SystemAccount | null {
  if (process.geteuid?.() !== 0) return null
  const accounts = new Map<string, SystemAccount>()
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [name = '', , userId, groupId] = line.split(':')
    accounts.set(name, { userId: Number(userId), groupId: Number(groupId) })
  }
  for (const name of CANDIDATES) {
    const account = accounts.get(name)
    if (account !== undefined && account.userId !== 0) return account
  }
  throw new EmbeddedPostgresError(
    'ACCOUNT_MISSING',
    `PostgreSQL does not run as root, and /etc/passwd has none of the users ${CANDIDATES.join(', ')}`,
  )
}
