/**
 * Has microseconds, and is the same under every DateStyle and TimeZone. JavaScript's `Date` and the server can both
 * parse it.
 */
const FORMAT = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`

/** SQL that formats a `timestamptz` as text: `2026-11-28T16:50:06.123456Z`. */
export function momentText(timestamp: string): string {
  return `pg_catalog.to_char(${timestamp} AT TIME ZONE 'UTC', ${FORMAT})`
}
