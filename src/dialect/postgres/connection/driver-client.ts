import type { EventEmitter } from 'node:events'
import type pg from 'pg'
import type { CancelTarget } from './cancel-request.js'

type Stream = EventEmitter & { destroy(error?: Error): void; readonly remoteAddress?: string }

/** Members of a client of `pg` that its types leave out or declare read-only. */
export interface ClientInternals {
  readonly processID: number | null
  readonly secretKey: number | null
  readonly sslNegotiation: string
  pipeline: boolean
  /** Whether the server has answered completely (ReadyForQuery). An error message arrives earlier than that. */
  readonly readyForQuery: boolean
  readonly connection: {
    readonly stream: Stream
    /** The texts of the named statements that the server has parsed, by name. */
    parsedStatements: Record<string, string>
    attachListeners(stream: Stream): void
    on(
      event: 'parameterStatus',
      listener: (report: { readonly parameterName: string; readonly parameterValue: string }) => void,
    ): void
    on(event: 'commandComplete', listener: (message: { readonly text: string }) => void): void
    off(event: 'commandComplete', listener: (message: { readonly text: string }) => void): void
  }
  readonly connectionParameters: { query_timeout: number }
}

export function internalsOf(client: pg.Client): ClientInternals {
  return client as unknown as ClientInternals
}

/**
 * Connects. The driver throws at some answers of a server during login, for example at a demand for Kerberos. It throws
 * inside the socket's event handler, which would end the process. Here such an error fails only the attempt to connect.
 * `onFirstRow` is called for every piece of data until the login is complete.
 */
export async function connectClient(client: pg.Client, onFirstRow: () => void): Promise<void> {
  const { connection } = internalsOf(client)
  const attach = connection.attachListeners.bind(connection)
  let isConnecting = true
  connection.attachListeners = (stream) => {
    attach(stream)
    const read = stream.listeners('data').at(-1) as (bytes: Buffer) => void
    stream.removeListener('data', read)
    stream.on('data', (bytes: Buffer) => {
      // After the login, an error may come from a callback of the program. It must stay visible.
      if (!isConnecting) return read(bytes)
      onFirstRow()
      try {
        read(bytes)
      } catch (error) {
        stream.destroy(error as Error)
      }
    })
  }
  try {
    await client.connect()
  } finally {
    isConnecting = false
  }
}

/** Returns a map of the named settings, kept up to date with what the server reports. */
export function watchReports(client: pg.Client, names: readonly string[]): ReadonlyMap<string, string> {
  const reported = new Map<string, string>()
  internalsOf(client).connection.on('parameterStatus', ({ parameterName, parameterValue }) => {
    if (names.includes(parameterName)) reported.set(parameterName, parameterValue)
  })
  return reported
}

/** The commands that the server has completed, up to now or to an error. */
export interface CompletedCommands {
  /** The first word of each tag, such as `INSERT` or `COMMIT`. */
  readonly names: readonly string[]
  /** Ends the record. */
  stop(): void
}

/**
 * Records the commands that the server completes from now on. For a text with several statements, the driver's error says
 * nothing about the statements before the one that failed.
 */
export function watchCommands(client: pg.Client): CompletedCommands {
  const names: string[] = []
  const { connection } = internalsOf(client)
  const completed = ({ text }: { readonly text: string }): void => void names.push(text.split(' ', 1)[0]!)
  connection.on('commandComplete', completed)
  return { names, stop: () => connection.off('commandComplete', completed) }
}

/** Returns null if no other connection to the same server can be opened. */
export function cancelTargetOf(client: pg.Client, { stream }: pg.ClientConfig): CancelTarget | null {
  const { processID, secretKey, sslNegotiation, connection } = internalsOf(client)
  const { host, port, ssl } = client
  if (processID === null || secretKey === null) return null
  const address = connection.stream.remoteAddress
  const makeStream = stream as CancelTarget['makeStream']
  return { processID, secretKey, host, port, address, ssl, sslNegotiation, makeStream }
}

/** Sets whether the open socket keeps the process alive. */
export function setKeepsProcess(client: pg.Client, isKept: boolean): void {
  const socket = client as unknown as { ref(): void; unref(): void }
  if (isKept) socket.ref()
  else socket.unref()
}

/** The text of a named statement that was sent on this client, or undefined. */
export function preparedText(client: pg.Client, name: string): string | undefined {
  return internalsOf(client).connection.parsedStatements[name]
}
