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
import { procedures, TABLES } from '../../dialect/mysql/table/schema-sql.js'
import { EXIT } from '../exit-codes.js'
import { explainFailure, hangUp } from '../server.js'
import type { Terminal } from '../terminal.js'
import { dropProcedure, dropTable } from './install-sql.js'
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

const NAMED_TABLES = ['fence', 'run', 'guard', 'leader', 'key_name', 'backend'].map(
  (name) => `lockpool_${name}`,
)

/** Removes everything that `installInMysql` makes, or prints how. */
export async function uninstallInMysql(
  { url, isPrinted, isJson }: { url: string | undefined; isPrinted: boolean; isJson: boolean },
  terminal: Terminal,
): Promise<number> {
  const statements = [
    ...[...procedures('').keys()].map(dropProcedure),
    ...[...TABLES, ...NAMED_TABLES].map(dropTable),
  ]
  const print = (text: string, facts: object): number => {
    terminal.out.write(isJson ? `${jsonLine({ version: 1, ...facts })}\n` : text)
    return EXIT.ok
  }
  if (isPrinted) return print(statements.map((each) => `${each};\n`).join(''), { statements })
  try {
    const server = await openMysql(mysqlConfigOf({ url, applicationName: 'lockpool uninstall' }))
    try {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      for (const statement of statements) await server.say(statement)
    } finally {
      await hangUp(server)
    }
  } catch (error) {
    return await explainFailure(error, terminal)
  }
  return print('lockpool: the tables and procedures of lockpool are dropped\n', { installed: false })
}
