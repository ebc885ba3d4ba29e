import { int16, int32, message, text } from '../messages/backend.js'
import { FRONTEND, type BindMessage, type Format } from '../messages/frontend.js'

/** Messages to the upstream. The front is a client there. */
export const SYNC: Buffer = message(FRONTEND.sync)
export const FLUSH: Buffer = message(FRONTEND.flush)
const PORTAL = Buffer.from('P')
const STATEMENT = Buffer.from('S')

export function query(sql: string): Buffer {
  return message(FRONTEND.query, text(sql))
}

/** Always uses the unnamed statement, because the next execution may be on another connection. */
export function parse(sql: string, types: readonly number[]): Buffer {
  return message(FRONTEND.parse, text(''), text(sql), int16(types.length), ...types.map(int32))
}

export type BoundValues = Pick<BindMessage, 'portal' | 'formats' | 'values' | 'resultFormats'>

export function bind({ portal, formats, values, resultFormats }: BoundValues): Buffer {
  const items = values.flatMap((value) => (value === null ? [int32(-1)] : [int32(value.length), value]))
  return message(
    FRONTEND.bind,
    ...[text(portal), text('')],
    ...list(formats),
    int16(values.length),
    ...items,
    ...list(resultFormats),
  )
}

export function describeStatement(): Buffer {
  return message(FRONTEND.describe, STATEMENT, text(''))
}

export function describePortal(name: string): Buffer {
  return message(FRONTEND.describe, PORTAL, text(name))
}

export function execute(portal: string, maxRows: number): Buffer {
  return message(FRONTEND.execute, text(portal), int32(maxRows))
}

export function closePortal(name: string): Buffer {
  return message(FRONTEND.close, PORTAL, text(name))
}

function list(formats: readonly Format[]): Buffer[] {
  return [int16(formats.length), ...formats.map(int16)]
}
