import type { Reader } from './reader.js'
import type { NamedStatement } from './statement.js'

type Command = NamedStatement['command']

const COMMANDS: ReadonlySet<string> = new Set<Command>([
  'listen',
  'unlisten',
  'notify',
  'copy',
  'prepare',
  'execute',
  'deallocate',
  'declare',
  'fetch',
  'move',
  'close',
  'lock',
  'load',
  'checkpoint',
])

/** Commands whose first name is the channel, cursor or statement. */
const HAVE_NAME = new Set<Command>([
  'listen',
  'unlisten',
  'notify',
  'prepare',
  'execute',
  'deallocate',
  'declare',
  'close',
])

/** Reads only the first word: the session that runs the statement interprets the rest. */
export function readNamed(reader: Reader): Pick<NamedStatement, 'command' | 'name'> | null {
  const token = reader.peek()
  if (token?.type !== 'word' || !COMMANDS.has(token.value)) return null
  const command = token.value as Command
  reader.at++
  if (!HAVE_NAME.has(command)) return { command, name: null }
  if (command === 'deallocate' && reader.peek(1) !== undefined) reader.word('prepare')
  const isAll = reader.isWord('all') && command !== 'declare' && command !== 'prepare'
  return { command, name: isAll ? null : reader.name() }
}
