import type { ServerName } from '../../server-name.js'
import type { ServerIdentity } from './timeline-sql.js'

/**
 * The identity of the server in the form that all dialects share. PostgreSQL writes a timeline as eight hexadecimal
 * digits.
 */
export function serverName(host: string, identity: ServerIdentity | null): ServerName {
  const timeline = Number.parseInt(identity?.name ?? '', 16)
  return {
    host,
    timeline: Number.isNaN(timeline) ? null : timeline,
    system: identity?.system ?? null,
    started: identity?.started ?? null,
    instance: null,
  }
}
