import pg from 'pg'
import { ownStatements } from './own-sql.js'
import { namesIn, type NameKind } from './sql-names.js'
import {
  shadowAggregates,
  shadowDomains,
  shadowFunctions,
  shadowOperators,
  shadowRelations,
  shadowTypes,
  witnesses,
} from './shadows-sql.js'

/** Every name of a kind in lockpool's SQL, with a schema or without. */
export async function namesOfOurs(kind: NameKind): Promise<string[]> {
  const all = (await ownStatements()).flatMap(({ text }) => namesIn(text))
  return [...new Set(all.filter((each) => each.kind === kind).map(({ name }) => name))]
}

/** Opens a session that looks names up only in the server's own schema. */
export async function connectSafely(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: withPath(url, 'pg_catalog, pg_temp') })
  await client.connect()
  return client
}

export function withPath(url: string, path: string): string {
  const with_ = new URL(url)
  with_.searchParams.set('options', `-c search_path=${path.replaceAll(/[\s\\]/g, '\\$&')}`)
  return with_.href
}

/**
 * Creates a shadow of every object that lockpool's SQL names. Types get domains in some schemas, and new types with
 * casts in others.
 */
export async function castShadows(
  admin: pg.Client,
  schema: string,
  types: 'domains' | 'casts',
): Promise<void> {
  const [functions, operators, typeNames, relations] = await Promise.all(
    (['function', 'operator', 'type', 'relation'] as const).map(namesOfOurs),
  )
  const shadowed = types === 'domains' ? shadowDomains : shadowTypes
  for (const make of [
    witnesses(schema),
    shadowFunctions(schema, functions!),
    shadowAggregates(schema, functions!),
    shadowOperators(schema, operators!),
    shadowed(schema, typeNames!),
    shadowRelations(schema, relations!),
  ])
    await admin.query(make)
}

/** The number of shadows in a schema, by kind. */
export async function countShadows(admin: pg.Client, schema: string): Promise<Record<string, number>> {
  const { rows } = await admin.query<Record<string, number>>(
    `SELECT
      (SELECT count(DISTINCT proname) FROM pg_proc WHERE pronamespace = n AND prokind <> 'a')::int AS functions,
      (SELECT count(DISTINCT proname) FROM pg_proc WHERE pronamespace = n AND prokind = 'a')::int AS aggregates,
      (SELECT count(DISTINCT oprname) FROM pg_operator WHERE oprnamespace = n)::int AS operators,
      (SELECT count(*) FROM pg_type LEFT JOIN pg_class AS class ON class.oid = typrelid
        WHERE typnamespace = n AND (typtype = 'd' OR relkind = 'c'))::int AS types,
      (SELECT count(*) FROM pg_class WHERE relnamespace = n AND relkind = 'v')::int AS relations
    FROM (SELECT $1::regnamespace AS n) AS it`,
    [schema],
  )
  return rows[0]!
}

/** The shadows that were called so far, by sessions that have ended or have reported their statistics. */
export async function calledShadows(admin: pg.Client): Promise<string[]> {
  const { rows } = await admin.query<{ name: string }>(
    `SELECT DISTINCT schemaname || '.' || funcname AS name FROM pg_stat_user_functions WHERE calls > 0 ORDER BY name`,
  )
  return rows.map(({ name }) => name)
}
