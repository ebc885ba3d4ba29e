/** Encodes the messages of a client, and describes the answers of a server. */

/** One message of a client. A failure prints it with `JSON.stringify`. */
export type Frame =
  | { readonly is: 'query'; readonly text: string }
  | { readonly is: 'parse'; readonly name: string; readonly text: string; readonly types: readonly number[] }
  | {
      readonly is: 'bind'
      readonly portal: string
      readonly name: string
      readonly formats: readonly number[]
      /** Hexadecimal digits for a binary format. */
      readonly values: readonly (string | null)[]
      readonly results: readonly number[]
    }
  | { readonly is: 'describe' | 'close'; readonly kind: 'S' | 'P'; readonly name: string }
  | { readonly is: 'execute'; readonly portal: string; readonly max: number }
  | { readonly is: 'sync' | 'flush' }

const text = (value: string): Buffer => Buffer.from(`${value}\0`)

const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

const message = (type: string, ...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body])
}

const list = <T>(items: readonly T[], each: (item: T) => Buffer): Buffer =>
  Buffer.concat([int16(items.length), ...items.map(each)])

export function encode(frame: Frame): Buffer {
  switch (frame.is) {
    case 'query':
      return message('Q', text(frame.text))
    case 'parse':
      return message('P', text(frame.name), text(frame.text), list(frame.types, int32))
    case 'bind':
      return message(
        'B',
        text(frame.portal),
        text(frame.name),
        list(frame.formats, int16),
        values(frame),
        list(frame.results, int16),
      )
    case 'describe':
      return message('D', Buffer.from(frame.kind), text(frame.name))
    case 'close':
      return message('C', Buffer.from(frame.kind), text(frame.name))
    case 'execute':
      return message('E', text(frame.portal), int32(frame.max))
    case 'sync':
      return message('S')
    case 'flush':
      return message('H')
  }
}

function values({ formats, values }: Extract<Frame, { is: 'bind' }>): Buffer {
  return Buffer.concat([
    int16(values.length),
    ...values.map((value, i) => {
      if (value === null) return int32(-1)
      const isBinary = (formats.length === 1 ? formats[0] : formats[i]) === 1
      const bytes = Buffer.from(value, isBinary ? 'hex' : 'utf8')
      return Buffer.concat([int32(bytes.length), bytes])
    }),
  ])
}

/**
 * Describes an answer as text. An error or a notice keeps only its severity, code and message, because the other fields
 * may differ between a server and a front.
 */
export function describe(type: string, body: Buffer): string {
  if (type === 'E' || type === 'N') {
    const fields = body
      .toString()
      .split('\0')
      .filter((part) => /^[SCM]/.test(part))
    return `${type} ${fields.join(' ')}`
  }
  return `${type} ${body.toString('latin1').replaceAll(/[^ -~]/g, (byte) => `\\${byte.codePointAt(0)!}`)}`
}
