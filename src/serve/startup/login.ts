import { AUTHENTICATION_OK, authentication, negotiateProtocolVersion, text } from '../messages/backend.js'
import { BodyReader } from '../messages/body-reader.js'
import { FRONTEND } from '../messages/frontend.js'
import type { Message } from '../messages/message-reader.js'
import { ProtocolError } from '../messages/protocol-error.js'
import { FatalError } from '../messages/sql-error.js'
import { ScramExchange } from './scram.js'
import { PROTOCOL_VERSION, type StartupPacket } from './startup-packet.js'
import type { Users } from './users.js'

/** One connection during the login. */
export interface LoginWire {
  /** The next message. @throws if the connection ends, or takes too long */
  next(): Promise<Message>
  send(...messages: readonly Buffer[]): void
}

/** The user who has logged in, and what the startup packet sets. */
export interface LoggedIn {
  readonly user: string
  readonly database: string
  readonly settings: ReadonlyMap<string, string>
}

const MECHANISM = 'SCRAM-SHA-256'

const SASL = authentication(10, [text(MECHANISM), Buffer.from([0])])

/**
 * Authenticates a client. Without `users`, every name is accepted.
 *
 * @throws {FatalError} {ProtocolError}
 */
export async function logIn(
  packet: Extract<StartupPacket, { kind: 'startup' }>,
  users: Users | null,
  wire: LoginWire,
): Promise<LoggedIn> {
  const { minor, protocolOptions, parameters } = packet
  if (minor > 0 || protocolOptions.length > 0)
    wire.send(negotiateProtocolVersion(PROTOCOL_VERSION, protocolOptions))
  const user = parameters.get('user') ?? ''
  if (user === '') throw new FatalError('28000', 'no PostgreSQL user name specified in startup packet')
  const replication = parameters.get('replication') ?? 'false'
  if (!['false', 'off', 'no', '0'].includes(replication))
    throw new FatalError('0A000', 'replication is not offered by lockpool serve')
  if (users !== null) await authenticate(user, users, wire)
  wire.send(AUTHENTICATION_OK)
  return { user, database: parameters.get('database') || user, settings: startSettings(parameters) }
}

/** Parameters of the startup packet that are not settings. */
const NO_SETTINGS: ReadonlySet<string> = new Set(['user', 'database', 'replication', 'options'])

/** @throws {FatalError} */
function startSettings(parameters: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const settings = new Map(readOptions(parameters.get('options') ?? ''))
  for (const [name, value] of parameters) if (!NO_SETTINGS.has(name)) settings.set(name, value)
  return settings
}

/**
 * The settings in `options=-c lock_timeout=5s --statement_timeout=1min`. A backslash escapes the space after it.
 *
 * @throws {FatalError}
 */
export function readOptions(options: string): [name: string, value: string][] {
  const words = (options.match(/(?:\\.|[^\s\\])+/gs) ?? []).map((word) => word.replaceAll(/\\(.)/gs, '$1'))
  const settings: [string, string][] = []
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    const text = word === '-c' ? (words[++at] ?? '') : word.replace(/^(?:-c|--)/, '')
    const equals = text.indexOf('=')
    if (equals < 1 || (word !== '-c' && !/^(?:-c|--)/.test(word)))
      throw new FatalError('42601', `invalid command-line argument for server process: ${word}`)
    settings.push([text.slice(0, equals).replaceAll('-', '_'), text.slice(equals + 1)])
  }
  return settings
}

async function authenticate(user: string, users: Users, wire: LoginWire): Promise<void> {
  const { verifier, isKnown } = await users.find(user)
  const exchange = new ScramExchange(verifier)
  wire.send(SASL)
  const first = exchange.first(readInitialResponse(await password(wire)))
  if (first === null) throw new ProtocolError('malformed SCRAM message')
  wire.send(authentication(11, [Buffer.from(first)]))
  const proof = exchange.final((await password(wire)).toString('utf8'))
  if (proof === null || !isKnown)
    throw new FatalError('28P01', `password authentication failed for user "${user}"`)
  wire.send(authentication(12, [Buffer.from(proof)]))
}

async function password(wire: LoginWire): Promise<Buffer> {
  const { type, body } = await wire.next()
  if (type !== FRONTEND.password) throw new ProtocolError(`expected SASL response, got message type ${type}`)
  return body
}

function readInitialResponse(body: Buffer): string {
  const reader = new BodyReader(body)
  const mechanism = reader.text()
  if (mechanism !== MECHANISM)
    throw new ProtocolError('client selected an invalid SASL authentication mechanism')
  const length = reader.int32()
  return length === -1 ? '' : reader.bytes(length).toString('utf8')
}
