import type { EventEmitter } from 'node:events'
import type pg from 'pg'
import type { CancelTarget } from './cancel-request.js'

type Stream = EventEmitter & { destroy(error?: Error): void; readonly remoteAddress?: string }

/** What a client of `pg` has and its types leave out, or call read-only. */
export interface ClientInternals {
  readonly processID: number | null
  readonly secretKey: number | null
  readonly sslNegotiation: string
  pipeline: boolean
  /** Whether the server has said the last word about all that it was sent. An error comes before that. */
  readonly readyForQuery: boolean
  readonly connection: {
    readonly stream: Stream
    /** The texts of named statements that the server has. */
    parsedStatements: Record<string, string>
    attachListeners(stream: Stream): void
    on(
      event: 'parameterStatus',
      listener: (report: { readonly parameterName: string; readonly parameterValue: string }) => void,
    ): void
  }
  readonly connectionParameters: { query_timeout: number }
}

export function internalsOf(client: pg.Client): ClientInternals {
  return client as unknown as ClientInternals
}

/**
 * Connects. The driver throws at some of what a server may say to a newcomer, for example that it wants Kerberos, and it
 * does so where it reads the socket: that would end the process. Here it fails the attempt. `heard` is called for all that
 * comes until then.
 */
export async function connectClient(client: pg.Client, heard: () => void): Promise<void> {
  const { connection } = internalsOf(client)
  const attach = connection.attachListeners.bind(connection)
  let isConnecting = true
  connection.attachListeners = (stream) => {
    attach(stream)
    const read = stream.listeners('data').at(-1) as (bytes: Buffer) => void
    stream.removeListener('data', read)
    stream.on('data', (bytes: Buffer) => {
      // Later it may be somebody's callback that throws, which is to be seen.
      if (!isConnecting) return read(bytes)
      heard()
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

/** What the server reports of its settings, now and whenever one of them changes: only those that are asked for. */
export function watchReports(client: pg.Client, names: readonly string[]): ReadonlyMap<string, string> {
  const reported = new Map<string, string>()
  internalsOf(client).connection.on('parameterStatus', ({ parameterName, parameterValue }) => {
    if (names.includes(parameterName)) reported.set(parameterName, parameterValue)
  })
  return reported
}

/** Null if there is no way to open another connection to the same server. */
export function cancelTargetOf(client: pg.Client, { stream }: pg.ClientConfig): CancelTarget | null {
  const { processID, secretKey, sslNegotiation, connection } = internalsOf(client)
  const { host, port, ssl } = client
  if (processID === null || secretKey === null) return null
  const address = connection.stream.remoteAddress
  const makeStream = stream as CancelTarget['makeStream']
  return { processID, secretKey, host, port, address, ssl, sslNegotiation, makeStream }
}

/** Whether the process goes on for its sake. */
export function keepProcess(client: pg.Client, isKept: boolean): void {
  const socket = client as unknown as { ref(): void; unref(): void }
  if (isKept) socket.ref()
  else socket.unref()
}

/** The text of a named statement that has been sent on it; undefined if none has. */
export function preparedText(client: pg.Client, name: string): string | undefined {
  return internalsOf(client).connection.parsedStatements[name]
}
