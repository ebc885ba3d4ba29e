import { BodyReader } from '../../src/serve/messages/body-reader.js'
import { bind, describePortal, describeStatement, execute, FLUSH, parse, query, SYNC } from './wire-client.js'

/**
 * One line of a trace: a message from a driver to PostgreSQL, or an answer of PostgreSQL. Traces leave out logins, and
 * the rows of catalogs.
 */
export interface TraceLine {
  readonly connection: number
  readonly isSent: boolean
  readonly what: string
  readonly details: string
}

export function readTrace(text: string): TraceLine[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [, connection, direction, what, details] = /^(\d+) ([<>]) (\S+) ?(.*)$/.exec(line)!
      return { connection: Number(connection), isSent: direction === '>', what: what!, details: details! }
    })
}

/** A value ends before the next known name, because values may contain spaces. */
export function startupParameters(details: string): Record<string, string> {
  const names = 'user|database|options|application_name|client_encoding|datestyle|extra_float_digits'
  const pairs = details.replace(/^3\.0 /, '').split(new RegExp(` (?=(?:${names})=)`, 'i'))
  return Object.fromEntries(
    pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  )
}

/** Whether the answer depends on the version of the server. */
export const asksCatalogs = (details: string): boolean => /pg_type|pg_class|version\(\)/.test(details)

/** The message of a line that was sent, or null if the line is no message of a session. */
export function messageOf({ what, details }: TraceLine): Buffer | null {
  switch (what) {
    case 'Query':
      return query(JSON.parse(details) as string)
    case 'Parse': {
      const [, name, text, types] = /^name=("[^"]*") (".*") types=\[(.*)\]$/.exec(details)!
      return parse(JSON.parse(name!) as string, JSON.parse(text!) as string, numbers(types!))
    }
    case 'Bind': {
      const parts = /^portal="(.*?)" stmt="(.*?)" formats=\[(.*?)\] values=\[(.*?)\] result=\[(.*?)\]$/
      const [, portal, statement, formats, values, results] = parts.exec(details)!
      return bind(portal!, statement!, valuesIn(values!), numbers(formats!), numbers(results!))
    }
    case 'Describe': {
      const name = JSON.parse(details.slice(2)) as string
      return details.startsWith('S') ? describeStatement(name) : describePortal(name)
    }
    case 'Execute': {
      const [, portal, max] = /^portal="(.*?)" max=(\d+)$/.exec(details)!
      return execute(portal!, Number(max))
    }
    case 'Sync':
      return SYNC
    case 'Flush':
      return FLUSH
    default:
      return null
  }
}

const numbers = (list: string): number[] => (list === '' ? [] : list.split(',').map(Number))

const valuesIn = (list: string): Buffer[] =>
  list === ''
    ? []
    : list
        .split(',')
        .map((value) =>
          value.startsWith('0x')
            ? Buffer.from(value.slice(2), 'hex')
            : Buffer.from(JSON.parse(value) as string),
        )

/** Describes an answer in the notation of a trace. */
export function inWords(type: string, body: Buffer): string {
  const reader = new BodyReader(body)
  switch (type) {
    case 'C':
      return `CommandComplete ${reader.text()}`
    case 'D':
      return `DataRow ${rowIn(reader).join(' ')}`
    case 'E':
    case 'N':
      return `${type === 'E' ? 'Error' : 'Notice'} ${fieldsIn(body)}`
    case 'S':
      return `ParameterStatus ${reader.text()}=${reader.text()}`
    case 'T':
      return `RowDescription ${columnsIn(reader).join(' ')}`
    case 't':
      return `ParameterDescription [${Array.from({ length: reader.int16() }, () => reader.int32()).join(',')}]`
    case 'Z':
      return `ReadyForQuery ${body.toString()}`
    default:
      return { 1: 'ParseComplete ', 2: 'BindComplete ', I: 'EmptyQuery ', n: 'NoData ' }[type] ?? type
  }
}

const rowIn = (reader: BodyReader): string[] =>
  Array.from({ length: reader.int16() }, () => {
    const length = reader.int32()
    return length < 0 ? 'NULL' : JSON.stringify(reader.bytes(length).toString())
  })

function columnsIn(reader: BodyReader): string[] {
  return Array.from({ length: reader.int16() }, () => {
    const name = reader.text()
    reader.bytes(6)
    const type = reader.int32()
    reader.bytes(6)
    return `${name}:${type}${reader.int16() === 1 ? ':bin' : ''}`
  })
}

function fieldsIn(body: Buffer): string {
  const fields = body.toString().split('\0')
  const field = (letter: string): string | undefined =>
    fields.find((each) => each.startsWith(letter))?.slice(1)
  return [field('S'), field('C'), field('M')].join(' ')
}
