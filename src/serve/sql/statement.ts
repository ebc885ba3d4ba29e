/** What the recognizer finds in a query string. Plain data: the front decides what to do with it. */

/** If PostgreSQL would refuse to read the query string, there is a `problem` (SQLSTATE 42601), and no statement may run. */
export interface Recognition {
  /** In order. None for an empty query string (only white space, comments and semicolons). */
  readonly statements: readonly Statement[]
  readonly problem: SyntaxProblem | null
}

export interface SyntaxProblem {
  readonly message: string
  /** Counts characters from 1, as field `P` of an ErrorResponse does. */
  readonly position: number
}

interface Base {
  /** The statement as it was written, without its semicolon. */
  readonly text: string
  /** Index of its first character in the query string. */
  readonly start: number
  /** The highest `$n` in it; 0 without parameters. */
  readonly parameterCount: number
}

export type Statement =
  | SelectStatement
  | TransactionStatement
  | SetStatement
  | ShowStatement
  | ResetStatement
  | DiscardStatement
  | NamedStatement
  | OtherStatement
  | SuspiciousStatement

/**
 * `SELECT` of one row whose every column is known: lock calls, functions of lockpool, constants, parameters and
 * functions about the session. Nothing of it needs the upstream except the `evaluation` of a call.
 */
export interface SelectStatement extends Base {
  readonly kind: 'select'
  /** In the order in which PostgreSQL evaluates them. */
  readonly columns: readonly Column[]
  /** At least one column is a lock call or a function of lockpool. False for `SELECT 1`: pass it on or answer it. */
  readonly locks: boolean
  /** The type of each `$n` that is inferred when the client declares none, `$1` first. */
  readonly parameters: readonly ParameterType[]
}

export interface Column {
  /** The name for RowDescription. */
  readonly name: string
  readonly value: ColumnValue
  /** A cast of the result, such as `::text`; null without one. */
  readonly cast: ResultCast | null
  /** Called, but not in the result: the call in `SELECT 1 FROM pg_advisory_lock(42)`. */
  readonly isHidden: boolean
}

/** Types to which the result of a call can be cast, as in `pg_try_advisory_lock(1)::int`. */
export type ResultCast = 'text' | 'varchar' | 'int4' | 'bool'

export type ColumnValue =
  | LockCall
  | OwnCall
  | ConstantValue
  | { readonly is: 'parameter'; readonly index: number; readonly type: ParameterType }
  | { readonly is: 'session'; readonly function: SessionFunction }
  | SetConfig

/** `set_config('lock_timeout', $1, false)` */
export interface SetConfig {
  readonly is: 'set-config'
  readonly setting: string
  /** A text, or a parameter. */
  readonly value: Argument
  readonly isLocal: boolean
}

/** A constant next to the calls: `1 AS one`, `'x'`, `true`, `NULL`. */
export interface ConstantValue {
  readonly is: 'constant'
  readonly type: 'int4' | 'int8' | 'text' | 'bool'
  /** The text of the value in the protocol; null for NULL. */
  readonly text: string | null
}

export type SessionFunction =
  'pg_backend_pid' | 'version' | 'current_schema' | 'current_database' | 'current_user' | 'session_user'

/** A call of the `pg_advisory` family. */
export interface LockCall {
  readonly is: 'lock'
  /** As PostgreSQL names it, in lower case, without schema: `pg_try_advisory_xact_lock_shared`. */
  readonly function: string
  readonly action: 'lock' | 'try' | 'unlock' | 'unlock-all'
  readonly scope: 'session' | 'transaction'
  readonly mode: 'exclusive' | 'shared'
  /** None for `unlock-all`, one bigint, or two int4. */
  readonly key: readonly [] | readonly [Argument] | readonly [Argument, Argument]
  /** A `SELECT` for the upstream that returns the key's values, one column each; null if no argument needs it. */
  readonly evaluation: Evaluation | null
}

/** A call of one of lockpool's own functions. Arguments that were left out are absent from `arguments`. */
export interface OwnCall {
  readonly is: 'own'
  readonly function: 'acquire' | 'try_acquire' | 'release' | 'permit' | 'token'
  readonly arguments: {
    readonly name: Argument
    readonly permits?: Argument
    readonly timeout_ms?: Argument
  }
  /** Returns every argument that is given: name, then permits, then timeout_ms. */
  readonly evaluation: Evaluation | null
}

export interface Evaluation {
  /** Uses the `$n` of the statement. Each column has the argument's type already, through PostgreSQL's implicit casts only. */
  readonly text: string
  /** The numbers of the parameters it uses, ascending. Others may be bound as NULL. */
  readonly parameters: readonly number[]
  /**
   * The expression has no side effects: constants, parameters, and functions, operators and casts of PostgreSQL itself.
   * Otherwise it may read tables or call user-defined functions, with the rights of the front's role.
   */
  readonly isPure: boolean
}

export type ArgumentType = 'int8' | 'int4' | 'text'

export type Argument =
  | {
      readonly is: 'constant'
      readonly type: ArgumentType
      /** Null is NULL: the functions are strict, so the result is NULL and nothing happens. */
      readonly value: bigint | string | null
    }
  | {
      readonly is: 'parameter'
      readonly type: ArgumentType
      readonly index: number
      /** The type of the parameter itself, which a cast may name: int2 in `pg_advisory_lock($1::int2)`. */
      readonly parameterType: ParameterType
      /** Whether it is cast, as in `$1::int8`: then the client may declare any type that can be cast. */
      readonly isCast: boolean
    }
  | { readonly is: 'expression'; readonly type: ArgumentType; readonly text: string }

/** `unknown`: only the upstream knows the type (`hashtext($1)`). To find it out, describe the call's `evaluation` there. */
export type ParameterType = 'int8' | 'int4' | 'int2' | 'text' | 'bool' | 'unknown'

export interface TransactionStatement extends Base {
  readonly kind: 'transaction'
  readonly action:
    | 'begin'
    | 'commit'
    | 'rollback'
    | 'savepoint'
    | 'rollback-to'
    | 'release'
    | 'prepare'
    | 'commit-prepared'
    | 'rollback-prepared'
  /** Command tag: `BEGIN` or `START TRANSACTION`, `COMMIT` also for END, `ROLLBACK` also for ABORT. */
  readonly tag: string
  /** The name of the savepoint, or the identifier of the prepared transaction; null for others. */
  readonly name: string | null
  /** `AND CHAIN`. */
  readonly isChained: boolean
}

export interface SetStatement extends Base {
  readonly kind: 'set'
  readonly scope: 'session' | 'local'
  /**
   * Lower case: `lock_timeout`. The special forms have these names: `SET TIME ZONE` is `timezone`, `SET NAMES` is
   * `client_encoding`, `SET SCHEMA` is `search_path`, `SET ROLE` is `role`, `SET SESSION AUTHORIZATION` is
   * `session_authorization`, `SET TRANSACTION ...` is `transaction`, `SET SESSION CHARACTERISTICS ...` is
   * `session_characteristics`, `SET CONSTRAINTS` is `constraints`.
   */
  readonly name: string
  /** The value as SHOW would return it, list members joined by `, `; null for DEFAULT, and for forms without a value. */
  readonly value: string | null
}

/** Name in lower case; `all` for SHOW ALL. */
export interface ShowStatement extends Base {
  readonly kind: 'show'
  readonly name: string
}

/** Name in lower case; `all` for RESET ALL. */
export interface ResetStatement extends Base {
  readonly kind: 'reset'
  readonly name: string
}

export interface DiscardStatement extends Base {
  readonly kind: 'discard'
  readonly target: 'all' | 'plans' | 'sequences' | 'temp'
}

/** Statements that concern a session, or need more of the protocol, so a front refuses or answers them. */
export interface NamedStatement extends Base {
  readonly kind: 'named'
  readonly command:
    | 'listen'
    | 'unlisten'
    | 'notify'
    | 'copy'
    | 'prepare'
    | 'execute'
    | 'deallocate'
    | 'declare'
    | 'fetch'
    | 'move'
    | 'close'
    | 'lock'
    | 'load'
    | 'checkpoint'
  /** Channel, cursor or statement; null for ALL, `*`, and where there is none. */
  readonly name: string | null
}

/** The text shows no way to reach an advisory function. */
export interface OtherStatement extends Base {
  readonly kind: 'other'
  /** Its first word in lower case, such as `select`, `insert` or `(`. */
  readonly word: string
}

/** The statement may reach an advisory function in unknown syntax. Never pass it on unpinned. */
export interface SuspiciousStatement extends Base {
  readonly kind: 'suspicious'
  readonly reason: SuspicionReason
  /** For the error's detail, in plain words. */
  readonly message: string
}

export type SuspicionReason =
  | 'shape' // An advisory function is named outside of a known shape.
  | 'argument' // It is called with arguments that PostgreSQL would refuse or that are not understood.
  | 'text' // A string, a quoted body or an escaped name holds the name of an advisory function.
  | 'dynamic' // It runs SQL that is put together at run time.
  | 'strings' // It reads differently with standard_conforming_strings on and off.
