import type pg from 'pg'
import { expect, test } from 'vitest'
import { ask, serveWorld } from '../../support/serve-world.js'

const world = serveWorld()

/**
 * The test ends when every client has had the lock this often. It has no other limit of time: a front that only polls
 * for a free lock would come last among programs that wait in the server.
 */
const TURNS = 5

test(
  'clients of two fronts and programs directly at the server all get their turn with a hot key',
  { timeout: 60_000 },
  async () => {
    const [here, there] = [await world.front(), await world.front()]
    const clients: Record<string, pg.Client> = {}
    for (const [name, front] of [
      ['here', here],
      ['there', there],
    ] as const)
      for (let i = 0; i < 3; i++) clients[`${name} ${i}`] = await world.client(front)
    for (let i = 0; i < 2; i++) clients[`straight ${i}`] = await world.direct()

    const turns = new Map(Object.keys(clients).map((name) => [name, 0]))
    const overlaps: string[] = []
    const holders = new Set<string>()
    const isOver = (): boolean => [...turns.values()].every((count) => count >= TURNS)
    const lockRepeatedly = async (name: string, client: pg.Client): Promise<void> => {
      while (!isOver()) {
        expect(await ask(client, 'SELECT pg_advisory_lock(1)')).toEqual([['']])
        holders.add(name)
        if (holders.size > 1) overlaps.push([...holders].join(' and '))
        turns.set(name, turns.get(name)! + 1)
        await ask(client, 'SELECT 1')
        holders.delete(name)
        expect(await ask(client, 'SELECT pg_advisory_unlock(1)')).toEqual([[true]])
      }
    }
    await Promise.all(Object.entries(clients).map(([name, client]) => lockRepeatedly(name, client)))

    expect(overlaps).toEqual([])
  },
)
