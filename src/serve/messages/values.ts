import type { Format } from './frontend.js'
import { SqlError } from './sql-error.js'
import { decodeUtf8 } from './utf8.js'

/** The types that lock statements use, by their numbers in `pg_type`. */
export const TYPE = {
  bool: 16,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  oid: 26,
  unknown: 705,
  varchar: 1043,
  void: 2278,
} as const

export const SIZE_OF_TYPE: Readonly<Record<number, number>> = {
  [TYPE.bool]: 1,
  [TYPE.int8]: 8,
  [TYPE.int2]: 2,
  [TYPE.int4]: 4,
  [TYPE.void]: 4,
}

/** An argument or a result of a lock statement. `''` stands for the void result of `pg_advisory_lock`. */
export type Value = bigint | boolean | string | null

const INTEGER_TYPES: ReadonlySet<number> = new Set([TYPE.int2, TYPE.int4, TYPE.int8, TYPE.oid])

const TEXT_TYPES: ReadonlySet<number> = new Set([TYPE.text, TYPE.varchar, TYPE.unknown])

const BYTES_OF_INTEGER: Readonly<Record<number, number>> = {
  [TYPE.int2]: 2,
  [TYPE.int4]: 4,
  [TYPE.int8]: 8,
  [TYPE.oid]: 4,
}

/** Whether this type is read here. Only the upstream reads others. */
export function isReadHere(type: number): boolean {
  return INTEGER_TYPES.has(type) || type === TYPE.bool || TEXT_TYPES.has(type)
}

/**
 * Reads a parameter as the client sent it.
 *
 * @throws {SqlError} with PostgreSQL's error if the value is not valid for its type
 */
export function decodeParameter(bytes: Buffer | null, type: number, format: Format, index = 1): Value {
  if (bytes === null) return null
  if (bytes.includes(0) && (format === 0 || TEXT_TYPES.has(type)))
    throw new SqlError('22021', 'invalid byte sequence for encoding "UTF8": 0x00')
  if (format === 0) return decodeText(decodeUtf8(bytes), type)
  if (INTEGER_TYPES.has(type)) return decodeInteger(bytes, type, index)
  if (type === TYPE.bool) return bytes[0] === 1
  if (TEXT_TYPES.has(type)) return decodeUtf8(bytes)
  throw new SqlError('0A000', `a parameter of type ${type} in binary form is not known to lockpool`)
}

function decodeInteger(bytes: Buffer, type: number, index: number): bigint {
  const size = BYTES_OF_INTEGER[type]!
  if (bytes.length < size) throw new SqlError('08P01', 'insufficient data left in message')
  if (bytes.length > size)
    throw new SqlError('22P03', `incorrect binary data format in bind parameter ${index}`)
  if (type === TYPE.int2) return BigInt(bytes.readInt16BE())
  if (type === TYPE.oid) return BigInt(bytes.readUInt32BE())
  return type === TYPE.int4 ? BigInt(bytes.readInt32BE()) : bytes.readBigInt64BE()
}

const NAMES: Readonly<Record<number, string>> = {
  [TYPE.int2]: 'smallint',
  [TYPE.int4]: 'integer',
  [TYPE.int8]: 'bigint',
}

const BITS: Readonly<Record<number, number>> = { [TYPE.int2]: 16, [TYPE.int4]: 32, [TYPE.int8]: 64 }

const BOOLEANS: Readonly<Record<string, boolean>> = {
  t: true,
  true: true,
  f: false,
  false: false,
  '1': true,
  '0': false,
}

/** @throws {SqlError} */
export function decodeText(text: string, type: number): Value {
  const bits = BITS[type]
  if (bits !== undefined) return toInteger(text, type)
  if (type !== TYPE.bool) return text
  const value = BOOLEANS[text.trim().toLowerCase()]
  if (value === undefined) throw new SqlError('22P02', `invalid input syntax for type boolean: "${text}"`)
  return value
}

/**
 * Reads the text as an integer of that type.
 *
 * @throws {SqlError} 22P02 if it is no integer, 22003 if it is out of range
 */
export function toInteger(text: string, type: number): bigint {
  const name = NAMES[type]!
  if (!/^\s*[-+]?\d+\s*$/.test(text))
    throw new SqlError('22P02', `invalid input syntax for type ${name}: "${text}"`)
  const value = BigInt(text.trim().replace(/^\+/, ''))
  if (!fits(value, type))
    throw new SqlError('22003', `value "${text.trim()}" is out of range for type ${name}`)
  return value
}

export function fits(value: bigint, type: number): boolean {
  return BigInt.asIntN(BITS[type]!, value) === value
}

/** A result in the format that the client wants. */
export function encodeValue(value: Value, type: number, format: Format): Buffer | null {
  if (value === null) return null
  if (format === 0 || typeof value === 'string') return Buffer.from(textOf(value))
  if (typeof value === 'boolean') return Buffer.from([value ? 1 : 0])
  const bytes = Buffer.alloc(BYTES_OF_INTEGER[type] ?? 8)
  if (type === TYPE.int2) bytes.writeInt16BE(Number(value))
  else if (type === TYPE.int8) bytes.writeBigInt64BE(value)
  else bytes.writeInt32BE(Number(value) | 0)
  return bytes
}

function textOf(value: Exclude<Value, null>): string {
  return typeof value === 'boolean' ? (value ? 't' : 'f') : String(value)
}
