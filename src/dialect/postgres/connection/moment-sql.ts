/** The same under every DateStyle and TimeZone, to the microsecond; `Date` reads it, and so does the server. */
const FORMAT = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`

/** A `timestamptz` as text: `2026-11-28T16:50:06.123456Z`. */
export function momentText(timestamp: string): string {
  return `pg_catalog.to_char(${timestamp} AT TIME ZONE 'UTC', ${FORMAT})`
}
