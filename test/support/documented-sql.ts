/**
 * What three engines document as missing or different, as patterns over the tree of a statement. `lockpool` was run on none
 * of them. The pages were read on 2026-11-29.
 */
import { parsed } from './sql-judge.js'

type Node = Readonly<Record<string, unknown>>

export type EngineName = 'CockroachDB' | 'YugabyteDB' | 'Aurora DSQL' | 'lockpool'

/** One thing that a statement must not have. */
export interface Rule {
  readonly engine: EngineName
  readonly what: string
  /** Where the engine says so. Rules of lockpool itself keep its rows cheap, or stay away from what pages leave open. */
  readonly page: string
  readonly isBroken: (tree: Tree) => boolean
  /** A statement that breaks it. */
  readonly example: string
}

const COCKROACH = 'https://www.cockroachlabs.com/docs/stable/postgresql-compatibility'
const COCKROACH_LIMITS = 'https://www.cockroachlabs.com/docs/stable/known-limitations'
const YUGABYTE = 'https://docs.yugabyte.com/stable/explore/ysql-language-features/postgresql-compatibility/'
const DSQL =
  'https://docs.aws.amazon.com/aurora-dsql/latest/userguide/working-with-postgresql-compatibility-unsupported-features.html'
const DSQL_SUPPORTED =
  'https://docs.aws.amazon.com/aurora-dsql/latest/userguide/working-with-postgresql-compatibility-supported-sql-features.html'
const DSQL_TYPES =
  'https://docs.aws.amazon.com/aurora-dsql/latest/userguide/working-with-postgresql-compatibility-supported-data-types.html'
const DSQL_DDL = 'https://docs.aws.amazon.com/aurora-dsql/latest/userguide/working-with-ddl.html'

/** The statements of one message, with all their nodes. */
export class Tree {
  readonly text: string
  readonly statements: readonly Node[]
  readonly nodes: readonly (readonly [type: string, node: Node])[]

  constructor(text: string) {
    this.text = text
    this.statements = parsed(text) ?? []
    const nodes: [string, Node][] = []
    const visit = (value: unknown): void => {
      if (Array.isArray(value)) return value.forEach(visit)
      if (typeof value !== 'object' || value === null) return
      for (const [key, inner] of Object.entries(value)) {
        if (/^[A-Z]/.test(key) && typeof inner === 'object' && inner !== null)
          nodes.push([key, inner as Node])
        visit(inner)
      }
    }
    visit(this.statements)
    this.nodes = nodes
  }

  all(...types: readonly string[]): Node[] {
    return this.nodes.flatMap(([type, node]) => (types.includes(type) ? [node] : []))
  }

  has(...types: readonly string[]): boolean {
    return this.all(...types).length > 0
  }

  calls(pattern: RegExp): boolean {
    return this.all('FuncCall').some((call) => pattern.test(namesIn(call['funcname'])))
  }

  constraint(...kinds: readonly string[]): boolean {
    return this.all('Constraint').some(({ contype }) => kinds.includes(String(contype)))
  }

  columns(isWrong: (type: Node) => boolean): boolean {
    return this.all('ColumnDef').some(({ typeName }) => isWrong(typeName as Node))
  }
}

function namesIn(list: unknown): string {
  return ((list ?? []) as { String?: { sval?: string } }[])
    .map(({ String: name }) => name?.sval ?? '')
    .join('.')
}

function typeNames(type: Node): string {
  return namesIn(type['names'])
}

const CHANGES = ['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt']

const hasLocking = (tree: Tree, isWrong: (clause: Node) => boolean): boolean =>
  tree.all('LockingClause').some(isWrong)

/** FOR UPDATE that reads one row by its key. */
function isByKey(select: Node): boolean {
  if (select['lockingClause'] === undefined) return true
  const where = JSON.stringify(select['whereClause'] ?? {})
  const isOne = Array.isArray(select['fromClause']) && (select['fromClause'] as unknown[]).length === 1
  return isOne && /"sval":"="/.test(where) && /"sval":"(?:id|key)"/.test(where) && !/AEXPR_OP_ANY/.test(where)
}

export const RULES: readonly Rule[] = [
  {
    engine: 'CockroachDB',
    what: 'LISTEN, NOTIFY and pg_notify',
    page: COCKROACH,
    isBroken: (tree) => tree.has('ListenStmt', 'NotifyStmt') || tree.calls(/pg_notify|pg_listening_channels/),
    example: `SELECT pg_catalog.pg_notify('a', 'b')`,
  },
  {
    engine: 'CockroachDB',
    what: 'advisory locks, whose functions do nothing there',
    page: COCKROACH,
    isBroken: (tree) => tree.calls(/advisory/),
    example: 'SELECT pg_catalog.pg_advisory_lock(1)',
  },
  {
    engine: 'CockroachDB',
    what: 'several changes of one table in one statement',
    page: COCKROACH_LIMITS,
    isBroken: (tree) => tree.statements.length > 0 && tree.all(...CHANGES).length > tree.statements.length,
    example: 'WITH a AS (DELETE FROM lockpool.t RETURNING 1) UPDATE lockpool.t SET b = 1',
  },
  {
    engine: 'CockroachDB',
    what: 'OPERATOR() next to another operator without parentheses: it has another precedence',
    page: 'https://github.com/cockroachdb/cockroach/issues/66866',
    isBroken: ({ text }) => /OPERATOR\([^)]*\)\s+[\w.$:'"[\]]+\s+(?:OPERATOR\(|[-+*/<>=|])/.test(text),
    example: 'SELECT 1 OPERATOR(pg_catalog.+) 2 OPERATOR(pg_catalog.=) 3',
  },
  {
    engine: 'CockroachDB',
    what: 'SHARE and KEY SHARE locks, which hold nothing in serializable transactions',
    page: 'https://www.cockroachlabs.com/docs/stable/select-for-update',
    isBroken: (tree) => hasLocking(tree, ({ strength }) => !/FORUPDATE/.test(String(strength))),
    example: 'SELECT 1 FROM lockpool.t WHERE id = 1 FOR KEY SHARE',
  },
  {
    engine: 'CockroachDB',
    what: 'functions about the write-ahead log and the server process',
    page: 'https://www.cockroachlabs.com/docs/stable/functions-and-operators',
    isBroken: (tree) => tree.calls(/wal|pg_control|timeline|pg_stat_get|pg_terminate/),
    example: 'SELECT pg_catalog.pg_current_wal_lsn()',
  },
  {
    engine: 'YugabyteDB',
    what: 'LISTEN and NOTIFY',
    page: YUGABYTE,
    isBroken: (tree) => tree.has('ListenStmt', 'NotifyStmt') || tree.calls(/pg_notify/),
    example: 'LISTEN a',
  },
  {
    engine: 'YugabyteDB',
    what: 'LOCK TABLE',
    page: YUGABYTE,
    isBroken: (tree) => tree.has('LockStmt'),
    example: 'LOCK TABLE lockpool.t',
  },
  {
    engine: 'YugabyteDB',
    what: 'inheritance, exclusion constraints, deferrable constraints and generated columns',
    page: YUGABYTE,
    isBroken: (tree) =>
      tree.all('CreateStmt').some(({ inhRelations }) => inhRelations !== undefined) ||
      tree.constraint('CONSTR_EXCLUSION', 'CONSTR_ATTR_DEFERRABLE', 'CONSTR_GENERATED'),
    example: 'CREATE TABLE lockpool.t (a int, EXCLUDE USING gist (a WITH =))',
  },
  {
    engine: 'YugabyteDB',
    what: 'advisory locks, except in late versions',
    page: 'https://github.com/yugabyte/yugabyte-db/issues/3642',
    isBroken: (tree) => tree.calls(/advisory/),
    example: 'SELECT pg_catalog.pg_try_advisory_lock(1)',
  },
  {
    engine: 'Aurora DSQL',
    what: 'temporary and unlogged tables, partitions, inheritance, tablespaces, AS SELECT',
    page: DSQL,
    isBroken: (tree) =>
      tree.has('CreateTableAsStmt', 'CreateTableSpaceStmt', 'PartitionSpec') ||
      tree
        .all('CreateStmt')
        .some(
          ({ inhRelations, relation }) =>
            inhRelations !== undefined || (relation as Node)['relpersistence'] !== 'p',
        ),
    example: 'CREATE TEMP TABLE t (a int)',
  },
  {
    engine: 'Aurora DSQL',
    what: 'triggers, sequences, types, extensions, and functions in other languages than SQL',
    page: DSQL,
    isBroken: (tree) =>
      tree.has(
        'CreateTrigStmt',
        'CreateSeqStmt',
        'CreateEnumStmt',
        'CompositeTypeStmt',
        'CreateExtensionStmt',
      ) ||
      tree.has('CreateFunctionStmt', 'DoStmt') ||
      tree.calls(/nextval|setval|currval/),
    example: 'DO $$ BEGIN NULL; END $$',
  },
  {
    engine: 'Aurora DSQL',
    what: 'foreign keys and exclusion constraints',
    page: DSQL,
    isBroken: (tree) => tree.constraint('CONSTR_FOREIGN', 'CONSTR_EXCLUSION'),
    example: 'CREATE TABLE lockpool.t (a int REFERENCES lockpool.u (a))',
  },
  {
    engine: 'Aurora DSQL',
    what: 'TRUNCATE, SAVEPOINT, VACUUM and ALTER SYSTEM',
    page: DSQL,
    isBroken: (tree) =>
      tree.has('TruncateStmt', 'VacuumStmt', 'AlterSystemStmt') ||
      tree.all('TransactionStmt').some(({ kind }) => /SAVEPOINT/.test(String(kind))),
    example: 'SAVEPOINT a',
  },
  {
    engine: 'Aurora DSQL',
    what: 'CREATE INDEX without ASYNC, COLLATE, and storage parameters',
    page: DSQL,
    isBroken: (tree) =>
      tree.has('IndexStmt', 'CollateClause') ||
      tree.all('CreateStmt').some(({ options }) => options !== undefined),
    example: 'CREATE TABLE lockpool.t (a int) WITH (fillfactor = 50)',
  },
  {
    engine: 'Aurora DSQL',
    what: 'columns of arrays, jsonb and other types that exist only while a query runs',
    page: DSQL_TYPES,
    isBroken: (tree) =>
      tree.columns(
        (type) =>
          type['arrayBounds'] !== undefined ||
          !/^(?:pg_catalog\.)?(?:int[248]|bool|varchar|text|timestamptz)$/.test(typeNames(type)),
      ),
    example: 'CREATE TABLE lockpool.t (a bigint[])',
  },
  {
    engine: 'Aurora DSQL',
    what: 'locks on rows other than FOR UPDATE, and that by the key of one row',
    page: DSQL_SUPPORTED,
    isBroken: (tree) =>
      hasLocking(
        tree,
        ({ strength, waitPolicy }) =>
          !/FORUPDATE/.test(String(strength)) || !/Block/.test(String(waitPolicy)),
      ) || tree.all('SelectStmt').some((select) => !isByKey(select)),
    example: 'SELECT 1 FROM lockpool.t WHERE a OPERATOR(pg_catalog.>) 1 FOR UPDATE',
  },
  {
    engine: 'Aurora DSQL',
    what: 'more than one statement in a message: a transaction has one DDL statement, and then nothing else',
    page: DSQL_DDL,
    isBroken: ({ statements }) => statements.length > 1,
    example: 'CREATE SCHEMA a; CREATE SCHEMA b',
  },
  {
    engine: 'Aurora DSQL',
    what: 'statements that are not among the supported ones',
    page: DSQL_SUPPORTED,
    isBroken: ({ statements }) =>
      statements.some(
        (each) =>
          !/^(?:Select|Insert|Update|Delete|Create|CreateSchema|Grant|Transaction)Stmt$/.test(
            Object.keys(each)[0]!,
          ),
      ),
    example: 'SET search_path = public',
  },
  {
    engine: 'lockpool',
    what: 'a second index on a table: each write of a hot row would write it too',
    page: 'docs/decisions/0027-distributed-sql.md',
    isBroken: (tree) => tree.constraint('CONSTR_UNIQUE'),
    example: 'CREATE TABLE lockpool.t (a int PRIMARY KEY, b int UNIQUE)',
  },
  {
    engine: 'lockpool',
    what: 'a change inside WITH',
    page: 'docs/decisions/0027-distributed-sql.md',
    isBroken: (tree) =>
      tree.all('CommonTableExpr').some(({ ctequery }) => CHANGES.includes(Object.keys(ctequery as Node)[0]!)),
    example: 'WITH a AS (INSERT INTO lockpool.t VALUES (1) RETURNING 1) SELECT 1 FROM a',
  },
  {
    engine: 'lockpool',
    what: 'functions whose pages were not read',
    page: 'docs/decisions/0027-distributed-sql.md',
    isBroken: (tree) =>
      tree
        .all('FuncCall')
        .some(
          ({ funcname }) =>
            !/^pg_catalog\.(?:unnest|strpos|count|max|now|version|pg_backend_pid)$/.test(namesIn(funcname)),
        ),
    example: 'SELECT pg_catalog.cardinality($1::bigint[])',
  },
]

/** What is wrong with a message of ours. A text that PostgreSQL's parser refuses is wrong as well. */
export function offencesIn(text: string): string[] {
  const tree = new Tree(text)
  if (tree.statements.length === 0) return [`no statement: ${text}`]
  return RULES.filter(({ isBroken }) => isBroken(tree)).map(
    ({ engine, what }) => `${engine}: ${what}, in ${text.trim().replaceAll(/\s+/g, ' ')}`,
  )
}
