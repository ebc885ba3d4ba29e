import { SET_CLIENT_CHECK } from './client-check-sql.js'
import { sqlState } from './server-errors.js'

/**
 * Whether the server checks for its client during a statement: `none` if it doesn't, `there` if it did already, `ours`
 * if we enabled the check.
 */
export type ClientCheck = 'none' | 'there' | 'ours'

interface CheckedServer {
  readonly processID: number
  query(statement: string, values: [number]): Promise<{ readonly rows: readonly Record<string, unknown>[] }>
}

/**
 * Enables the check, so that no statement runs on for long after this process has died. Servers that don't support the
 * check are used without it.
 */
export async function setClientCheck(server: CheckedServer): Promise<ClientCheck> {
  try {
    const [row] = (await server.query(SET_CLIENT_CHECK, [server.processID])).rows
    if (row === undefined) return 'none'
    return row['set_to'] === null ? 'there' : 'ours'
  } catch (error) {
    if (sqlState(error) === undefined) throw error
    return 'none'
  }
}
