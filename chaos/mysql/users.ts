/** The user of the workers' connections to the guarded row. */
export const DATA_USER = 'chaos_data'
/** The user of the process that cleans up. */
export const JANITOR_USER = 'chaos_janitor'

export function asUser(url: string, user: string): string {
  const other = new URL(url)
  other.username = user
  return other.href
}
