import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { evaluationSql } from '../../src/serve/sql/evaluation-sql.js'
import { filesOf, ROOT } from './repository.js'

const ANY: readonly unknown[] = ['some', '', 'share', 'block']

const EVALUATED = [
  { type: 'int8', text: '1' },
  { type: 'int4', text: '1' },
  { type: 'text', text: "'1'" },
] as const

/** A statement of lockpool and its name, such as `inspect/inspect-sql LOCKS`. */
export interface OwnStatement {
  readonly name: string
  readonly text: string
}

/**
 * Every statement for PostgreSQL in the SQL files, including those built by functions. In MySQL a user's function cannot
 * shadow a built-in one.
 */
export async function ownStatements(): Promise<OwnStatement[]> {
  const files = filesOf('src', '-sql.ts').filter(({ path }) => !path.includes('/mysql/'))
  const found = await Promise.all(
    files.map(async ({ path }) => {
      const module = (await import(pathToFileURL(join(ROOT, path)).href)) as Record<string, unknown>
      const file = path.replace(/.*\/(.*\/.*)\.ts$/, '$1')
      return Object.entries(module).flatMap(([name, value]) => textsOf(`${file} ${name}`, value))
    }),
  )
  return found.flat()
}

function textsOf(name: string, value: unknown): OwnStatement[] {
  if (typeof value === 'string') return /\w/.test(value) ? [{ name, text: value }] : []
  // Only this function takes a list.
  if (value === evaluationSql) return textsOf(name, evaluationSql(EVALUATED))
  // The arguments are names of roles, schemas and the like. Their values do not matter.
  if (typeof value === 'function') return textsOf(name, (value as (...some: unknown[]) => unknown)(...ANY))
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap((each) => textsOf(name, each))
}
