import type { HelpRow } from './help-row.js'
import { textFlag, type Flag } from './flags.js'

/** How every command that needs a database finds it. */
export const CONNECTION_FLAGS: { readonly url: Flag<string>; readonly namespace: Flag<string> } = {
  url: textFlag('URL', {
    meaning:
      'the database; other users of this host can see it with ps(1), so prefer LOCKPOOL_URL for passwords',
    default: 'LOCKPOOL_URL, then DATABASE_URL, then PGHOST and so on',
  }),
  namespace: textFlag('NS', {
    meaning: 'equal names in different namespaces are different locks',
    default: 'LOCKPOOL_NAMESPACE, then none',
  }),
}

export const CONNECTION_ENVIRONMENT: readonly HelpRow[] = [
  [
    'LOCKPOOL_URL',
    'the database, if there is no --url: postgres://user:password@host:5432/database; mysql://... for all commands but serve and demo',
  ],
  ['DATABASE_URL', 'the same, if LOCKPOOL_URL is not set'],
  ['PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PGSSLMODE', 'for parts that the address does not have'],
]

/** The variables of commands that have a KEY. */
export const KEY_ENVIRONMENT: readonly HelpRow[] = [
  ['LOCKPOOL_NAMESPACE', 'the namespace of KEY, if there is no --namespace'],
]

/** An empty variable counts as not set. */
export function namespaceOf(
  flag: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string {
  return flag ?? env['LOCKPOOL_NAMESPACE'] ?? ''
}

/** The address of the database, and where it was given. */
export interface ConnectionSource {
  readonly url: string
  readonly source: '--url' | 'LOCKPOOL_URL'
}

/** Null lets the library decide: `DATABASE_URL`, then the PG* variables. A variable that is set but empty counts as not set. */
export function connectionSource(
  url: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): ConnectionSource | null {
  if (url !== undefined) return { url, source: '--url' }
  const fromEnv = env['LOCKPOOL_URL'] ?? ''
  return fromEnv === '' ? null : { url: fromEnv, source: 'LOCKPOOL_URL' }
}

/** The library's message about a missing address, with the names that users of the command line know. */
export function withSourceNames(message: string): string {
  return message.replace('("connection", DATABASE_URL', '(--url, LOCKPOOL_URL, DATABASE_URL')
}
