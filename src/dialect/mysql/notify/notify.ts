import type { KeyCode } from '../../lock-key.js'
import { interrupt, WAITING_LISTENERS } from './notify-sql.js'
import type { ServerConnection } from '../connection/server-connection.js'

/**
 * Wakes the processes that wait for any of the keys, by interrupting the wait of their listening connections. Returns
 * the keys for which a process waits. A process that can't be woken, because it belongs to another user, polls.
 */
export async function wakeWaiters(
  server: ServerConnection,
  keys: readonly KeyCode[],
): Promise<ReadonlySet<string>> {
  const [answer] = await server.ask(WAITING_LISTENERS, [JSON.stringify(keys.map(({ id }) => id))])
  const wanted = new Set<string>()
  const listenerIds = new Set<number>()
  const each = String(answer).split(',')
  for (const [i, { id }] of keys.entries()) {
    const waiting = (each[i] ?? '').split('+').filter((listenerId) => listenerId !== '')
    if (waiting.length > 0) wanted.add(id)
    for (const listenerId of waiting) if (listenerId !== '0') listenerIds.add(Number(listenerId))
  }
  // A connection may have just ended or belong to another user. That is not a failure.
  const interruptions = [...listenerIds].map((listenerId) =>
    server.say(interrupt(listenerId)).catch(() => undefined),
  )
  await Promise.all(interruptions)
  return wanted
}
