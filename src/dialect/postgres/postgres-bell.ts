import type { Ears, Listening } from '../dialect.js'
import type { PostgresKey } from './postgres-key.js'
import { HEARTBEAT, LISTEN, UNLISTEN } from './postgres-sql.js'
import type { ConnectionEvents } from './postgres-connection.js'
import type { ServerConnection } from './server-connection.js'

/** What one process tells the others: about keys, and, with `tell`, whatever the lock layer has to say. */
type Call = 'ring' | 'claim' | 'tell'

/** A payload may have 7999 bytes; a key takes at most 22, and the head some 20. */
const KEYS_PER_MESSAGE = 300

/** `sender call key key ...`; keys are the ids of KeyCodes, which have no spaces. After `tell` all the rest is the message. */
export function callMessage(sender: string, call: Call, content: string): string {
  return `${sender} ${call} ${content}`
}

/** The parameters of as many RING statements as the keys need. The server fills in the keys that are wanted. */
export function ringMessages(
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

/** Anybody may notify on our channel, so nothing is taken for granted: what is not understood is not heard. */
export function hear(payload: string, ears: Pick<Ears, 'rung' | 'claimed' | 'told'>): void {
  const [sender, call, ...ids] = payload.split(' ')
  if (sender === undefined || sender === '') return
  if (call === 'tell') return ears.told(payload.slice(sender.length + call.length + 2), sender)
  for (const id of ids) {
    if (call === 'ring') ears.rung(id, sender)
    else if (call === 'claim') ears.claimed(id, sender)
  }
}

export async function listen(server: ServerConnection, ears: Ears): Promise<Listening> {
  const onNotification = ({ channel, payload }: ConnectionEvents['notification']): void => {
    if (channel === 'lockpool_1' && payload !== undefined) hear(payload, ears)
  }
  const forget = server.onEnd((cause) => ears.ended(cause))
  server.on('notification', onNotification)
  await server.query(LISTEN)
  return {
    check: async () => void (await server.query(HEARTBEAT)),
    stop: async () => {
      forget()
      server.off('notification', onNotification)
      await server.query(UNLISTEN)
    },
  }
}
