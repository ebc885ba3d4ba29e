import { BACKEND, message } from './backend.js'

/** A field of an ErrorResponse or NoticeResponse, by its letter. */
export type ErrorFields = readonly (readonly [letter: string, value: string])[]

const HEAD_BYTES = 5

export function readErrorFields(bytes: Buffer): ErrorFields {
  const parts = bytes.subarray(HEAD_BYTES).toString().split('\0')
  return parts.filter((part) => part !== '').map((part) => [part[0]!, part.slice(1)] as const)
}

export function errorFields(fields: ErrorFields): Buffer {
  const text = fields.map(([letter, value]) => `${letter}${value}\0`).join('')
  return message(BACKEND.errorResponse, Buffer.from(`${text}\0`))
}
