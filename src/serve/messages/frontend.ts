import { BodyReader } from './body-reader.js'
import { ProtocolError } from './protocol-error.js'

/** The message types of clients. */
export const FRONTEND = {
  bind: 0x42,
  close: 0x43,
  copyData: 0x64,
  copyDone: 0x63,
  copyFail: 0x66,
  describe: 0x44,
  execute: 0x45,
  flush: 0x48,
  functionCall: 0x46,
  parse: 0x50,
  password: 0x70,
  query: 0x51,
  sync: 0x53,
  terminate: 0x58,
} as const

export interface ParseMessage {
  readonly name: string
  readonly text: string
  /** The types of parameters; 0 if the client does not declare one. */
  readonly types: readonly number[]
}

/** 0 is text, 1 is binary. */
export type Format = 0 | 1

export interface BindMessage {
  readonly portal: string
  readonly statement: string
  /** The formats of parameters: none means all text, one applies to all. */
  readonly formats: readonly Format[]
  /** A null value is NULL. */
  readonly values: readonly (Buffer | null)[]
  readonly resultFormats: readonly Format[]
}

export interface NamedMessage {
  readonly kind: 'statement' | 'portal'
  readonly name: string
}

export function readQuery(body: Buffer): string {
  const reader = new BodyReader(body)
  const text = reader.text()
  reader.end()
  return text
}

export function readParse(body: Buffer): ParseMessage {
  const reader = new BodyReader(body)
  const name = reader.text()
  const text = reader.text()
  const types = reader.list(reader.uint16(), 4, () => reader.uint32())
  reader.end()
  return { name, text, types }
}

export function readBind(body: Buffer): BindMessage {
  const reader = new BodyReader(body)
  const portal = reader.text()
  const statement = reader.text()
  const formats = reader.list(reader.uint16(), 2, () => readFormat(reader))
  const values = reader.list(reader.uint16(), 4, () => {
    const length = reader.int32()
    return length === -1 ? null : reader.bytes(length)
  })
  const resultFormats = reader.list(reader.uint16(), 2, () => readFormat(reader))
  reader.end()
  if (formats.length > 1 && formats.length !== values.length)
    throw new ProtocolError(
      `bind message has ${formats.length} parameter formats but ${values.length} parameters`,
    )
  return { portal, statement, formats, values, resultFormats }
}

/** The message of Describe and Close. */
export function readNamed(body: Buffer): NamedMessage {
  const reader = new BodyReader(body)
  const kind = reader.byte()
  const name = reader.text()
  reader.end()
  if (kind === 0x53) return { kind: 'statement', name }
  if (kind === 0x50) return { kind: 'portal', name }
  throw new ProtocolError(`invalid message subtype ${kind}`)
}

export function readExecute(body: Buffer): { readonly portal: string; readonly maxRows: number } {
  const reader = new BodyReader(body)
  const portal = reader.text()
  const maxRows = reader.int32()
  reader.end()
  return { portal, maxRows: Math.max(maxRows, 0) }
}

/** The format of the item at `index`, by the rules of Bind. */
export function formatAt(formats: readonly Format[], index: number): Format {
  if (formats.length === 0) return 0
  return formats.length === 1 ? formats[0]! : (formats[index] ?? 0)
}

function readFormat(reader: BodyReader): Format {
  const format = reader.int16()
  if (format === 0 || format === 1) return format
  throw new ProtocolError(`unsupported format code: ${format}`)
}
