import type { KeyCode } from '../../lock-key.js'
import { interrupt, WHO_WAITS } from './notify-sql.js'
import type { ServerConnection } from '../connection/server-connection.js'

/**
 * Wakes the processes that wait for any of the keys, by interrupting the sleep of their connections that listen, and answers
 * the keys that anybody waits for. Who can't be woken, because it belongs to another user, polls.
 */
export async function ring(server: ServerConnection, keys: readonly KeyCode[]): Promise<ReadonlySet<string>> {
  const [told] = await server.ask(WHO_WAITS, [JSON.stringify(keys.map(({ id }) => id))])
  const wanted = new Set<string>()
  const bells = new Set<number>()
  const each = String(told).split(',')
  for (const [i, { id }] of keys.entries()) {
    const waiting = (each[i] ?? '').split('+').filter((bell) => bell !== '')
    if (waiting.length > 0) wanted.add(id)
    for (const bell of waiting) if (bell !== '0') bells.add(Number(bell))
  }
  // One that has just gone, or belongs to another user, is no failure.
  const rings = [...bells].map((bell) => server.say(interrupt(bell)).catch(() => undefined))
  await Promise.all(rings)
  return wanted
}
