import { TAGS } from './command-tags-sql.js'
import { readPlainName } from './names.js'
import type { Reader } from './reader.js'
import type { TransactionStatement } from './statement.js'

type Transaction = Pick<TransactionStatement, 'action' | 'tag' | 'name' | 'isChained'>

/** Null unless it is a complete transaction statement. */
export function readTransaction(reader: Reader): Transaction | null {
  const read = readFirst(reader)
  return read !== null && reader.isDone ? read : null
}

function readFirst(reader: Reader): Transaction | null {
  if (reader.words('start', 'transaction'))
    return readModes(reader) ? plain('begin', TAGS.startTransaction) : null
  const word = reader.word(...Object.keys(READ))
  return word === null ? null : READ[word]!(reader)
}

const plain = (
  action: Transaction['action'],
  tag: string,
  name: string | null = null,
  isChained = false,
): Transaction => ({ action, tag, name, isChained })

const READ: Readonly<Record<string, (reader: Reader) => Transaction | null>> = {
  begin: (reader) => {
    reader.word('work', 'transaction')
    return readModes(reader) ? plain('begin', TAGS.begin) : null
  },
  commit: (reader) =>
    reader.words('prepared')
      ? prepared(reader, 'commit-prepared', TAGS.commitPrepared)
      : readEnd(reader, 'commit'),
  end: (reader) => readEnd(reader, 'commit'),
  rollback: (reader) =>
    reader.words('prepared')
      ? prepared(reader, 'rollback-prepared', TAGS.rollbackPrepared)
      : readEnd(reader, 'rollback'),
  abort: (reader) => (reader.isWord('to') || reader.isWord('to', 1) ? null : readEnd(reader, 'rollback')),
  savepoint: (reader) => named(reader, 'savepoint', TAGS.savepoint),
  release: (reader) => {
    if (reader.peek(1) !== undefined) reader.word('savepoint')
    return named(reader, 'release', TAGS.release)
  },
  prepare: (reader) =>
    reader.words('transaction') ? prepared(reader, 'prepare', TAGS.prepareTransaction) : null,
}

function readEnd(reader: Reader, action: 'commit' | 'rollback'): Transaction | null {
  const tag = action === 'commit' ? TAGS.commit : TAGS.rollback
  reader.word('work', 'transaction')
  if (action === 'rollback' && reader.word('to') !== null) {
    if (reader.peek(1) !== undefined) reader.word('savepoint')
    return named(reader, 'rollback-to', tag)
  }
  if (reader.words('and', 'no', 'chain')) return plain(action, tag)
  return plain(action, tag, null, reader.words('and', 'chain'))
}

function named(reader: Reader, action: Transaction['action'], tag: string): Transaction | null {
  const name = readPlainName(reader)
  return name === null ? null : plain(action, tag, name)
}

function prepared(reader: Reader, action: Transaction['action'], tag: string): Transaction | null {
  const id = reader.string()
  return id === null ? null : plain(action, tag, id)
}

/** `ISOLATION LEVEL SERIALIZABLE, READ WRITE DEFERRABLE`: commas are optional. */
export function readModes(reader: Reader): boolean {
  while (!reader.isDone) {
    const isMode =
      (reader.words('isolation', 'level') &&
        (reader.words('serializable') ||
          reader.words('repeatable', 'read') ||
          reader.words('read', 'committed') ||
          reader.words('read', 'uncommitted'))) ||
      reader.words('read', 'only') ||
      reader.words('read', 'write') ||
      reader.words('deferrable') ||
      reader.words('not', 'deferrable')
    if (!isMode) return false
    if (reader.op(',') && reader.isDone) return false
  }
  return true
}
