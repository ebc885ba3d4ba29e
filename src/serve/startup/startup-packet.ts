import { BodyReader } from '../messages/body-reader.js'
import { ProtocolError } from '../messages/protocol-error.js'

const CANCEL_REQUEST = 80_877_102
const SSL_REQUEST = 80_877_103
const GSSENC_REQUEST = 80_877_104

/** Protocol 3.0, the supported version, as a startup packet names it. */
export const PROTOCOL_VERSION = 0x0003_0000

/** The first packet of a connection. */
export type StartupPacket =
  | { readonly kind: 'ssl' }
  | { readonly kind: 'gssenc' }
  | { readonly kind: 'cancel'; readonly processId: number; readonly secret: number }
  | {
      readonly kind: 'startup'
      readonly minor: number
      readonly parameters: ReadonlyMap<string, string>
      /** Options of a later protocol version that are unknown here. */
      readonly protocolOptions: readonly string[]
    }
  | { readonly kind: 'version'; readonly major: number; readonly minor: number }

/** @throws {ProtocolError} */
export function readStartupPacket(body: Buffer): StartupPacket {
  const reader = new BodyReader(body)
  const code = reader.uint32()
  if (code === SSL_REQUEST) return { kind: 'ssl' }
  if (code === GSSENC_REQUEST) return { kind: 'gssenc' }
  if (code === CANCEL_REQUEST) {
    // In protocol 3.2 a key may be longer. The front's keys are never longer, so this one is not valid.
    const processId = reader.int32()
    return { kind: 'cancel', processId, secret: reader.remaining === 4 ? reader.int32() : 0 }
  }
  const [major, minor] = [code >>> 16, code & 0xffff]
  if (major !== 3) return { kind: 'version', major, minor }
  return { kind: 'startup', minor, ...readParameters(reader) }
}

const MAX_PARAMETERS = 100

function readParameters(reader: BodyReader): {
  readonly parameters: ReadonlyMap<string, string>
  readonly protocolOptions: readonly string[]
} {
  const parameters = new Map<string, string>()
  const protocolOptions: string[] = []
  for (let name = reader.text(); name !== ''; name = reader.text()) {
    const value = reader.text()
    if (name.startsWith('_pq_.')) protocolOptions.push(name)
    else parameters.set(name, value)
    if (parameters.size + protocolOptions.length > MAX_PARAMETERS)
      throw new ProtocolError('invalid startup packet layout: too many parameters')
  }
  if (reader.remaining > 0)
    throw new ProtocolError('invalid startup packet layout: expected terminator as last byte')
  return { parameters, protocolOptions }
}
