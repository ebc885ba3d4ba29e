/** The message types of a server. */
export const BACKEND = {
  authentication: 0x52,
  backendKeyData: 0x4b,
  bindComplete: 0x32,
  closeComplete: 0x33,
  commandComplete: 0x43,
  copyInResponse: 0x47,
  copyOutResponse: 0x48,
  copyBothResponse: 0x57,
  dataRow: 0x44,
  emptyQueryResponse: 0x49,
  errorResponse: 0x45,
  negotiateProtocolVersion: 0x76,
  noData: 0x6e,
  noticeResponse: 0x4e,
  notificationResponse: 0x41,
  parameterDescription: 0x74,
  parameterStatus: 0x53,
  parseComplete: 0x31,
  portalSuspended: 0x73,
  readyForQuery: 0x5a,
  rowDescription: 0x54,
} as const

/** A column of a result, as in RowDescription. */
export interface Column {
  readonly name: string
  readonly type: number
  /** The size of the type in bytes; -1 for a type of variable length. */
  readonly size: number
}

/** An error or a notice. */
export interface Report {
  readonly severity: 'ERROR' | 'FATAL' | 'WARNING' | 'NOTICE'
  readonly code: string
  readonly message: string
  readonly detail?: string | undefined
  readonly hint?: string | undefined
  readonly position?: number | undefined
}

export type TransactionStatus = 'I' | 'T' | 'E'

export const PARSE_COMPLETE: Buffer = bare(BACKEND.parseComplete)
export const BIND_COMPLETE: Buffer = bare(BACKEND.bindComplete)
export const CLOSE_COMPLETE: Buffer = bare(BACKEND.closeComplete)
export const NO_DATA: Buffer = bare(BACKEND.noData)
export const EMPTY_QUERY: Buffer = bare(BACKEND.emptyQueryResponse)
export const PORTAL_SUSPENDED: Buffer = bare(BACKEND.portalSuspended)
export const AUTHENTICATION_OK: Buffer = authentication(0, [])

/** ReadyForQuery by transaction status. These messages are frequent, so they are made once. */
export const READY: Readonly<Record<TransactionStatus, Buffer>> = {
  I: message(BACKEND.readyForQuery, Buffer.from('I')),
  T: message(BACKEND.readyForQuery, Buffer.from('T')),
  E: message(BACKEND.readyForQuery, Buffer.from('E')),
}

export function message(type: number, ...parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 4)
  const head = Buffer.allocUnsafe(5)
  head[0] = type
  head.writeInt32BE(length, 1)
  return Buffer.concat([head, ...parts])
}

export function authentication(code: number, parts: readonly Buffer[]): Buffer {
  return message(BACKEND.authentication, int32(code), ...parts)
}

export function parameterStatus(name: string, value: string): Buffer {
  return message(BACKEND.parameterStatus, text(name), text(value))
}

export function backendKeyData(processId: number, secret: number): Buffer {
  return message(BACKEND.backendKeyData, int32(processId), int32(secret))
}

/**
 * Answers a client that asks for a later version, or for unknown options of it. The version is the full number, as in a startup
 * packet: older protocol documentation says that it is the minor version alone, but no server has ever sent that, and libpq 18
 * refuses it.
 */
export function negotiateProtocolVersion(version: number, unknown: readonly string[]): Buffer {
  return message(
    BACKEND.negotiateProtocolVersion,
    int32(version),
    int32(unknown.length),
    ...unknown.map(text),
  )
}

export function commandComplete(tag: string): Buffer {
  return message(BACKEND.commandComplete, text(tag))
}

export function parameterDescription(types: readonly number[]): Buffer {
  return message(BACKEND.parameterDescription, int16(types.length), ...types.map(int32))
}

export function rowDescription(columns: readonly Column[], formatOf: (index: number) => number): Buffer {
  const fields = columns.map(({ name, type, size }, index) => {
    const rest = Buffer.alloc(18)
    rest.writeInt32BE(type, 6)
    rest.writeInt16BE(size, 10)
    rest.writeInt32BE(-1, 12)
    rest.writeInt16BE(formatOf(index), 16)
    return Buffer.concat([text(name), rest])
  })
  return message(BACKEND.rowDescription, int16(columns.length), ...fields)
}

/** A null value is NULL. */
export function dataRow(values: readonly (Buffer | null)[]): Buffer {
  const parts = values.map((value) =>
    value === null ? int32(-1) : Buffer.concat([int32(value.length), value]),
  )
  return message(BACKEND.dataRow, int16(values.length), ...parts)
}

export function report({ severity, code, message: words, detail, hint, position }: Report): Buffer {
  const isNotice = severity === 'WARNING' || severity === 'NOTICE'
  const fields: readonly (readonly [string, string | undefined])[] = [
    ['S', severity],
    ['V', severity],
    ['C', code],
    ['M', words],
    ['D', detail],
    ['H', hint],
    ['P', position === undefined ? undefined : String(position)],
  ]
  const parts = fields.flatMap(([letter, value]) => (value === undefined ? [] : [text(`${letter}${value}`)]))
  return message(isNotice ? BACKEND.noticeResponse : BACKEND.errorResponse, ...parts, Buffer.from([0]))
}

function bare(type: number): Buffer {
  return message(type)
}

/** A string with its terminating zero. A zero inside would end it too early. */
export function text(value: string): Buffer {
  return Buffer.from(`${value.replaceAll('\0', '')}\0`)
}

export function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(value | 0)
  return bytes
}

export function int16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2)
  bytes.writeUInt16BE(value)
  return bytes
}
