import { jsonLine } from '../../base/printable.js'
import {
  CREATE_FENCE,
  CREATE_GUARD,
  CREATE_LEADER,
  CREATE_RUN,
} from '../../dialect/mysql/fencing/fence-sql.js'
import { CREATE_KEY_NAME } from '../../dialect/mysql/inspect/inspect-sql.js'
import { CREATE_BACKEND } from '../../dialect/mysql/records/backend-sql.js'
import { makeRowsOn } from '../../dialect/mysql/table/schema.js'
import { EXIT } from '../exit-codes.js'
import { explainFailure, hangUp } from '../server.js'
import type { Terminal } from '../terminal.js'
import { mysqlConfigOf, openMysql } from './open.js'

export interface MysqlInstall {
  readonly url: string | undefined
  readonly backend: 'named' | 'table'
  readonly isJson: boolean
}

/** Makes the tables of named locks, and what pools with backend "table" need, in the database of the URL. */
export async function installInMysql(
  { url, backend, isJson }: MysqlInstall,
  terminal: Terminal,
): Promise<number> {
  try {
    const server = await openMysql(mysqlConfigOf({ url, applicationName: 'lockpool install' }))
    try {
      for (const statement of [
        CREATE_FENCE,
        CREATE_RUN,
        CREATE_GUARD,
        CREATE_LEADER,
        CREATE_KEY_NAME,
        CREATE_BACKEND,
      ])
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        await server.say(statement)
      if (backend === 'table') await makeRowsOn(server)
    } finally {
      await hangUp(server)
    }
  } catch (error) {
    return await explainFailure(error, terminal)
  }
  const text =
    backend === 'table'
      ? 'lockpool: the tables and procedures of backend "table" are installed\n'
      : 'lockpool: the tables of named locks are installed\n'
  terminal.out.write(isJson ? `${jsonLine({ version: 1, installed: true, backend })}\n` : text)
  return EXIT.ok
}
