import { SET_CLIENT_CHECK } from './client-check-sql.js'
import { sqlState } from './server-errors.js'

/** Whether the server looks for its client during a statement: not at all, because it was so, or because we told it to. */
export type ClientCheck = 'none' | 'there' | 'ours'

/** The connection that is asked. */
interface Asked {
  readonly processID: number
  query(statement: string, values: [number]): Promise<{ readonly rows: readonly Record<string, unknown>[] }>
}

/** Tells it to, so that no statement outlives this process by much. Where that is not to be had it goes without. */
export async function setClientCheck(server: Asked): Promise<ClientCheck> {
  try {
    const [row] = (await server.query(SET_CLIENT_CHECK, [server.processID])).rows
    if (row === undefined) return 'none'
    return row['set_to'] === null ? 'there' : 'ours'
  } catch (error) {
    if (sqlState(error) === undefined) throw error
    return 'none'
  }
}
