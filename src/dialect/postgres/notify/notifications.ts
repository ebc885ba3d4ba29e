import type { NotificationHandlers, ListeningConnection } from '../../dialect.js'
import { PUBLIC_CHANNEL, type PostgresChannel } from './channel.js'
import type { PostgresKey } from '../keys/key.js'
import { listenTo, NEVER_TOO_IDLE, UNLISTEN, unlistenTo } from './notify-sql.js'
import { HEARTBEAT } from '../connection/heartbeat-sql.js'
import type { ConnectionEvents } from '../connection/connection.js'
import type { ServerConnection } from '../connection/server-connection.js'

/**
 * The kinds of messages between processes: wake-ups (`ring`) and tickets (`claim`) for keys, and any message of the
 * lock layer (`tell`).
 */
type Call = 'ring' | 'claim' | 'tell'

/** A payload may have 7999 bytes. A key takes at most 22 bytes, and the head about 20. */
const KEYS_PER_MESSAGE = 300

/**
 * `sender call key key ...`. The keys are ids of KeyCodes, which contain no spaces. After `tell`, the rest is one
 * sealed message.
 */
export function callMessage(sender: string, call: Call, content: string): string {
  return `${sender} ${call} ${content}`
}

/**
 * The parameters for RING statements, as many as the keys need. The server adds only those keys that some process waits
 * for.
 */
export function notifyMessages(
  sender: string,
  keys: readonly PostgresKey[],
): { head: string; ids: string[]; hashes: number[] }[] {
  const messages = []
  for (let from = 0; from < keys.length; from += KEYS_PER_MESSAGE) {
    const part = keys.slice(from, from + KEYS_PER_MESSAGE)
    messages.push({
      head: callMessage(sender, 'ring', ''),
      ids: part.map((key) => key.id),
      hashes: part.map((key) => key.hash),
    })
  }
  return messages
}

/**
 * Reads a notification. Any role may notify on the public channel, and may learn the name of the other one, so nothing
 * is trusted: text that is malformed, or longer than ours can be, is ignored; and messages must be sealed.
 */
export function readNotification(
  payload: string,
  handlers: Pick<NotificationHandlers, 'onWakeUp' | 'onTicket' | 'onMessage'>,
  unseal: (sealed: string) => string | null,
): void {
  const [sender, call, ...contents] = payload.split(' ', KEYS_PER_MESSAGE + 2)
  if (sender === undefined || sender === '') return
  if (call === 'tell') {
    const message = unseal(contents[0] ?? '')
    if (message !== null) handlers.onMessage(message, sender)
    return
  }
  for (const id of contents) {
    if (call === 'ring') handlers.onWakeUp(id, sender)
    else if (call === 'claim') handlers.onTicket(id, sender)
  }
}

/** Listens on the channel that the pool knows, and changes to another one if the pool has learned the secret since. */
class PostgresListener implements ListeningConnection {
  readonly #server: ServerConnection
  readonly #channel: PostgresChannel
  readonly #handlers: NotificationHandlers
  readonly #unsubscribe: () => void
  /** The channel on which it listens, or null if it listens on none. */
  #listensOn: string | null = null
  #receivesPublic = true

  constructor(server: ServerConnection, channel: PostgresChannel, handlers: NotificationHandlers) {
    this.#server = server
    this.#channel = channel
    this.#handlers = handlers
    this.#unsubscribe = server.onEnd((cause) => handlers.onEnd(cause))
    server.on('notification', this.#notified)
  }

  async start(): Promise<void> {
    this.#server.isPrompt = true
    await Promise.all([this.#server.query(NEVER_TOO_IDLE), this.#listen()])
  }

  async check(): Promise<void> {
    await Promise.all([this.#listen(), this.#server.query(HEARTBEAT)])
  }

  async receivePublic(strangers: boolean): Promise<void> {
    this.#receivesPublic = strangers
    await this.#listen()
  }

  async stop(): Promise<void> {
    this.#unsubscribe()
    this.#server.off('notification', this.#notified)
    await this.#server.query(UNLISTEN)
    this.#server.isPrompt = false
  }

  async #listen(): Promise<void> {
    const { name } = this.#channel
    const wanted = name === PUBLIC_CHANNEL && !this.#receivesPublic ? null : name
    const before = this.#listensOn
    if (wanted === before) return
    this.#listensOn = wanted
    const steps: Promise<unknown>[] = []
    if (wanted !== null) steps.push(this.#server.query(listenTo(wanted)))
    if (before !== null) steps.push(this.#server.query(unlistenTo(before)))
    // `pg_stat_activity` shows the last statement of a session to some roles, and they must not learn the name of the
    // channel. So a harmless statement follows.
    steps.push(this.#server.query(HEARTBEAT))
    await Promise.all(steps)
  }

  readonly #notified = ({ channel, payload }: ConnectionEvents['notification']): void => {
    if (channel !== this.#listensOn || payload === undefined) return
    if (channel === PUBLIC_CHANNEL) {
      this.#handlers.onPublicMessage()
      // The handler may have called `receivePublic(false)`.
      if (!this.#receivesPublic) return
    }
    readNotification(payload, this.#handlers, (sealed) => this.#channel.unseal(sealed))
  }
}

export async function listen(
  server: ServerConnection,
  channel: PostgresChannel,
  handlers: NotificationHandlers,
): Promise<ListeningConnection> {
  const listener = new PostgresListener(server, channel, handlers)
  await listener.start()
  return listener
}
