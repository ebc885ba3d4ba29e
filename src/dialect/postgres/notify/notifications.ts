import type { NotificationHandlers, ListeningConnection } from '../../dialect.js'
import { PUBLIC_CHANNEL, type PostgresChannel } from './channel.js'
import type { PostgresKey } from '../keys/key.js'
import { listenTo, NEVER_TOO_IDLE, UNLISTEN, unlistenTo } from './notify-sql.js'
import { HEARTBEAT } from '../connection/heartbeat-sql.js'
import type { ConnectionEvents } from '../connection/connection.js'
import type { ServerConnection } from '../connection/server-connection.js'

/** What one process tells the others: about keys, and, with `tell`, whatever the lock layer has to say. */
type Call = 'ring' | 'claim' | 'tell'

/** A payload may have 7999 bytes; a key takes at most 22, and the head some 20. */
const KEYS_PER_MESSAGE = 300

/** `sender call key key ...`; keys are the ids of KeyCodes, which have no spaces. After `tell` all the rest is the message, sealed. */
export function callMessage(sender: string, call: Call, content: string): string {
  return `${sender} ${call} ${content}`
}

/** The parameters of as many RING statements as the keys need. The server fills in the keys that are wanted. */
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
 * Anybody may notify on the public channel, and may come to know the other, so nothing is taken for granted: what is not
 * understood, or longer than anything of ours, is not heard; and what is told must have been sealed.
 */
export function hear(
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

/** Listens on the channel that a pool knows of, or may have learned of since. */
class PostgresListener implements ListeningConnection {
  readonly #server: ServerConnection
  readonly #channel: PostgresChannel
  readonly #handlers: NotificationHandlers
  readonly #forget: () => void
  /** Where it listens; null while it listens to nobody. */
  #heard: string | null = null
  #hearsStrangers = true

  constructor(server: ServerConnection, channel: PostgresChannel, handlers: NotificationHandlers) {
    this.#server = server
    this.#channel = channel
    this.#handlers = handlers
    this.#forget = server.onEnd((cause) => handlers.onEnd(cause))
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
    this.#hearsStrangers = strangers
    await this.#listen()
  }

  async stop(): Promise<void> {
    this.#forget()
    this.#server.off('notification', this.#notified)
    await this.#server.query(UNLISTEN)
    this.#server.isPrompt = false
  }

  async #listen(): Promise<void> {
    const { name } = this.#channel
    const wanted = name === PUBLIC_CHANNEL && !this.#hearsStrangers ? null : name
    const before = this.#heard
    if (wanted === before) return
    this.#heard = wanted
    const steps: Promise<unknown>[] = []
    if (wanted !== null) steps.push(this.#server.query(listenTo(wanted)))
    if (before !== null) steps.push(this.#server.query(unlistenTo(before)))
    // What a session sent last is shown to those who may see what all do, and the name of the channel is not for them.
    steps.push(this.#server.query(HEARTBEAT))
    await Promise.all(steps)
  }

  readonly #notified = ({ channel, payload }: ConnectionEvents['notification']): void => {
    if (channel !== this.#heard || payload === undefined) return
    if (channel === PUBLIC_CHANNEL) {
      this.#handlers.onPublicMessage()
      // By which it may have said that it wants to hear no more.
      if (!this.#hearsStrangers) return
    }
    hear(payload, this.#handlers, (sealed) => this.#channel.unseal(sealed))
  }
}

export async function listen(
  server: ServerConnection,
  channel: PostgresChannel,
  handlers: NotificationHandlers,
): Promise<ListeningConnection> {
  const bell = new PostgresListener(server, channel, handlers)
  await bell.start()
  return bell
}
