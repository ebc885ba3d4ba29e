import type { Column } from '../messages/backend.js'
import { TYPE } from '../messages/values.js'
import type { ColumnValue, Column as SqlColumn, ResultCast, Statement } from '../sql/statement.js'
import { column } from './outcome.js'

const CAST_TYPE: Readonly<Record<ResultCast, number>> = {
  text: TYPE.text,
  varchar: TYPE.varchar,
  int4: TYPE.int4,
  bool: TYPE.bool,
}

const NAME = 19

const OWN_TYPE = {
  acquire: TYPE.int8,
  try_acquire: TYPE.int8,
  release: TYPE.bool,
  permit: TYPE.int4,
  token: TYPE.int8,
} as const

/** The columns of a statement that the front answers; null if it has no rows. */
export function resultColumns(
  statement: Statement,
  types: readonly (number | null)[],
): readonly Column[] | null {
  if (statement.kind === 'show') return [column(statement.name, TYPE.text)]
  if (statement.kind !== 'select') return null
  return statement.columns.filter(({ isHidden }) => !isHidden).map((each) => selected(each, types))
}

function selected({ name, value, cast }: SqlColumn, types: readonly (number | null)[]): Column {
  return column(name, cast === null ? typeOf(value, types) : CAST_TYPE[cast])
}

/** The type before the cast. */
export function typeOf(value: ColumnValue, types: readonly (number | null)[]): number {
  switch (value.is) {
    case 'lock':
      return value.action === 'lock' || value.action === 'unlock-all' ? TYPE.void : TYPE.bool
    case 'own':
      return OWN_TYPE[value.function]
    case 'constant':
      return TYPE[value.type]
    case 'parameter':
      return types[value.index - 1] ?? TYPE.text
    case 'session':
      if (value.function === 'pg_backend_pid') return TYPE.int4
      return value.function === 'version' ? TYPE.text : NAME
    case 'set-config':
      return TYPE.text
  }
}
