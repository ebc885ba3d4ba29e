import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { ask, serveWorld } from '../../support/serve-world.js'
import { TcpProxy } from '../../support/tcp-proxy.js'

const world = serveWorld()

/** Collects the codes of the errors that end the client's connection. */
function endings(client: pg.Client): (string | undefined)[] {
  const codes: (string | undefined)[] = []
  client.on('error', (error) => codes.push((error as pg.DatabaseError).code))
  return codes
}

async function terminateUpstream(applicationName: string): Promise<void> {
  await world.database.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE application_name = $1 AND datname = current_database() AND query NOT LIKE '%lockpool%'`,
    [applicationName],
  )
}

describe('losses behind the front', () => {
  test('the network to the server: a holder knows before the server lets go', async () => {
    await using proxy = await TcpProxy.to(world.database.url)
    const front = await world.front({ leaseMs: 2000, max: 2 }, proxy.url)
    const client = await world.client(front)
    const codes = endings(client)
    await ask(client, 'SELECT pg_advisory_lock(1)')
    proxy.cut()
    await expect.poll(() => codes, { timeout: 10_000 }).toContain('57P01')
    await expect.poll(() => world.isFree(1), { timeout: 10_000 }).toBe(true)
    proxy.mend()
  })

  test('a connection with an open transaction: its client gets an error at once, and its locks are free', async () => {
    const front = await world.front({ others: { kind: 'pass' } })
    const client = await world.client(front)
    const codes = endings(client)
    await ask(client, "BEGIN; SET LOCAL application_name = 'passed'; SELECT pg_advisory_lock(1)")
    await ask(client, "SELECT set_config('application_name', 'passed', true), count(*) FROM pg_class")
    await terminateUpstream('passed')
    await expect.poll(() => codes).toContain('57P01')
    expect(await world.isFree(1)).toBe(true)
  })

  test('after the loss of an idle connection, the next statement gets another one', async () => {
    const url = new URL(world.database.url)
    url.searchParams.set('application_name', 'own')
    const front = await world.front({ others: { kind: 'url', url: url.href } })
    const client = await world.client(front)
    await ask(client, 'SELECT pg_advisory_lock(1)')
    expect(await ask(client, 'SELECT count(*) > 0 FROM pg_class')).toEqual([[true]])
    await terminateUpstream('own')
    const [session] = front.front.sessions
    await expect.poll(() => session!.passing!.hasConnection).toBe(false)
    expect(await ask(client, 'SELECT count(*) > 0 FROM pg_class')).toEqual([[true]])
    expect(await world.isFree(1)).toBe(false)
  })
})
