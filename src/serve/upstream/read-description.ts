import { BACKEND } from '../messages/backend.js'
import { BodyReader } from '../messages/body-reader.js'
import type { Message } from '../messages/message-reader.js'
import type { Description } from './passing.js'

/** Reads the answers to Parse and Describe of a statement. */
export function readDescription(answers: readonly Message[]): Description {
  const types = answers.find(({ type }) => type === BACKEND.parameterDescription)
  const rows = answers.find(({ type }) => type === BACKEND.rowDescription)
  return { types: types === undefined ? [] : readTypes(types.body), rows: rows?.bytes ?? null }
}

function readTypes(body: Buffer): number[] {
  const reader = new BodyReader(body)
  return reader.list(reader.uint16(), 4, () => reader.uint32())
}

/** The values of a DataRow, as text; null is NULL. */
export function readRow(body: Buffer): (string | null)[] {
  const reader = new BodyReader(body)
  return reader.list(reader.uint16(), 4, () => {
    const length = reader.int32()
    return length === -1 ? null : reader.bytes(length).toString('utf8')
  })
}
