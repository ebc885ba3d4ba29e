/** Of the connections that workers have to the row that they guard. */
export const DATA_USER = 'chaos_data'
/** Of whoever cleans up. */
export const JANITOR_USER = 'chaos_janitor'

export function asUser(url: string, user: string): string {
  const other = new URL(url)
  other.username = user
  return other.href
}
