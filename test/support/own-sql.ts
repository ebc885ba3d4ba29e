import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { filesOf, ROOT } from './repository.js'

/** One statement of ours, and its name: `inspect-sql LOCKS`. */
export interface OwnStatement {
  readonly name: string
  readonly text: string
}

/**
 * Every statement for PostgreSQL in the files of SQL, those that functions put together included. In MySQL nobody's function
 * can take the name of one of the server's own.
 */
export async function ownStatements(): Promise<OwnStatement[]> {
  const files = filesOf('src', '-sql.ts').filter(({ path }) => !path.startsWith('src/dialect/mysql/'))
  const found = await Promise.all(
    files.map(async ({ path }) => {
      const module = (await import(pathToFileURL(join(ROOT, path)).href)) as Record<string, unknown>
      const file = path.replace(/.*\/(.*)\.ts$/, '$1')
      return Object.entries(module).flatMap(([name, value]) => textsOf(`${file} ${name}`, value))
    }),
  )
  return found.flat()
}

const ANY: readonly unknown[] = ['some', '', 'share', 'block']

/** Of functions that take something else. */
const ARGUMENTS: Readonly<Record<string, readonly unknown[]>> = {
  'evaluation-sql evaluationSql': [
    [
      { type: 'int8', text: '1' },
      { type: 'int4', text: '$1' },
      { type: 'text', text: "'some'" },
    ],
  ],
}

function textsOf(name: string, value: unknown): OwnStatement[] {
  if (typeof value === 'string') return /\w/.test(value) ? [{ name, text: value }] : []
  // Names of roles, schemas and the like go in, and what they are does not matter.
  if (typeof value === 'function')
    return textsOf(name, (value as (...some: unknown[]) => unknown)(...(ARGUMENTS[name] ?? ANY)))
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap((each) => textsOf(name, each))
}
